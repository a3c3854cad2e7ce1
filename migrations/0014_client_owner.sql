ALTER TABLE `clients` ADD `description` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `owner` text;--> statement-breakpoint
CREATE INDEX `clients_owner` ON `clients` (`organization_id`,`owner`,lower("client_name"));