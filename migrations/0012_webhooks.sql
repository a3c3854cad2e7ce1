CREATE TABLE `webhook_deliveries` (
	`event_id` text NOT NULL,
	`webhook_id` text NOT NULL,
	`event` text NOT NULL,
	`status` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`due_at` integer,
	`created_at` integer NOT NULL,
	`queued_at` integer NOT NULL,
	`last_attempt_at` integer,
	`last_status` integer,
	`last_fault` text,
	PRIMARY KEY(`event_id`, `webhook_id`)
);
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_log` ON `webhook_deliveries` (`webhook_id`,`created_at`,`event_id`);--> statement-breakpoint
CREATE INDEX `webhook_deliveries_due` ON `webhook_deliveries` (`webhook_id`,`due_at`) WHERE "webhook_deliveries"."due_at" IS NOT NULL;--> statement-breakpoint
CREATE INDEX `webhook_deliveries_created_at` ON `webhook_deliveries` (`created_at`);--> statement-breakpoint
CREATE TABLE `webhook_notices` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`organization_id` text,
	`type` text NOT NULL,
	`target` text NOT NULL,
	`data` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `webhook_notices_at` ON `webhook_notices` (`at`);--> statement-breakpoint
CREATE TABLE `webhooks` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text,
	`name` text NOT NULL,
	`folded_name` text,
	`description` text NOT NULL,
	`url` text NOT NULL,
	`events` text,
	`status` text NOT NULL,
	`disabled_reason` text,
	`secrets` text NOT NULL,
	`sealed_secrets` text NOT NULL,
	`sealed_under` text NOT NULL,
	`due_at` integer,
	`held_until` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`failing_since` integer,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `webhooks_name` ON `webhooks` (`organization_id`,lower("name"));--> statement-breakpoint
CREATE UNIQUE INDEX `webhooks_folded_name` ON `webhooks` (`folded_name`,`organization_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `webhooks_instance_name` ON `webhooks` (lower("name")) WHERE "webhooks"."organization_id" IS NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `webhooks_instance_folded_name` ON `webhooks` (`folded_name`) WHERE "webhooks"."organization_id" IS NULL;--> statement-breakpoint
CREATE INDEX `webhooks_due` ON `webhooks` (`due_at`) WHERE "webhooks"."due_at" IS NOT NULL;--> statement-breakpoint
CREATE INDEX `webhooks_sealed_under` ON `webhooks` (`sealed_under`);--> statement-breakpoint
ALTER TABLE `client_secrets` ADD `expiry_noticed` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `client_secrets_expiring` ON `client_secrets` (`expires_at`) WHERE "client_secrets"."expires_at" IS NOT NULL AND "client_secrets"."expiry_noticed" = 0;