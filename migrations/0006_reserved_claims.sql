ALTER TABLE `clients` ADD `restricted_claims` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `resource_servers` ADD `accepted_claims` text DEFAULT '[]' NOT NULL;