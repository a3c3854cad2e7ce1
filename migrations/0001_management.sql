CREATE TABLE `changes` (
	`version` integer PRIMARY KEY NOT NULL,
	`organization_id` text,
	`action` text NOT NULL,
	`target` text NOT NULL,
	`gates` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `changes_created_at` ON `changes` (`created_at`);--> statement-breakpoint
CREATE TABLE `client_usage` (
	`client_id` text NOT NULL,
	`hour` integer NOT NULL,
	`outcome` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`client_id`, `hour`, `outcome`)
);
--> statement-breakpoint
CREATE INDEX `client_usage_hour` ON `client_usage` (`hour`);--> statement-breakpoint
CREATE TABLE `gate_pushes` (
	`gate` text NOT NULL,
	`version` integer NOT NULL,
	`client_id` text NOT NULL,
	PRIMARY KEY(`gate`, `version`)
);
--> statement-breakpoint
CREATE INDEX `gate_pushes_version` ON `gate_pushes` (`version`,`gate`);--> statement-breakpoint
CREATE INDEX `gate_pushes_client` ON `gate_pushes` (`client_id`);--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`actor` text NOT NULL,
	`key` text NOT NULL,
	`fingerprint` text NOT NULL,
	`version` integer NOT NULL,
	`status` integer NOT NULL,
	`sealed_body` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`actor`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_created_at` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
DROP INDEX `resource_servers_organization`;--> statement-breakpoint
CREATE INDEX `resource_servers_organization` ON `resource_servers` (`organization_id`,`identifier`);--> statement-breakpoint
DROP INDEX `roles_organization`;--> statement-breakpoint
CREATE INDEX `roles_organization` ON `roles` (`organization_id`,lower("name"));--> statement-breakpoint
ALTER TABLE `api_keys` ADD `last_used_at` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `version` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `audit_events` ADD `version` integer;--> statement-breakpoint
ALTER TABLE `client_secrets` ADD `rotated_at` integer;--> statement-breakpoint
ALTER TABLE `client_secrets` ADD `leaked_at` integer;--> statement-breakpoint
ALTER TABLE `client_secrets` ADD `self_made` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `requestable_claims` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `may_rotate_secret` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `revocation_epoch` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `clients_status` ON `clients` (`organization_id`,`status`,lower("client_name"));--> statement-breakpoint
ALTER TABLE `organizations` ADD `revocation_epoch` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `signing_keys` ADD `activated_at` integer;--> statement-breakpoint
ALTER TABLE `signing_keys` ADD `retired_at` integer;