CREATE TABLE `reserved_identifiers` (
	`comparable` text PRIMARY KEY NOT NULL,
	`organization_id` text,
	`version` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `reserved_identifiers_expires_at` ON `reserved_identifiers` (`expires_at`);--> statement-breakpoint
CREATE INDEX `reserved_identifiers_version` ON `reserved_identifiers` (`version`);--> statement-breakpoint
ALTER TABLE `resource_servers` ADD `comparable` text;--> statement-breakpoint
ALTER TABLE `resource_servers` ADD `tokens_from` integer;--> statement-breakpoint
CREATE UNIQUE INDEX `resource_servers_comparable` ON `resource_servers` (`comparable`);