ALTER TABLE `api_keys` ADD `secondary_hash` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `secondary_hint` text;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `secondary_expires_at` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `secondary_last_used_at` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `rotated_at` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `noticed_end` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `secondary_noticed_end` integer;--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_secondary_hash` ON `api_keys` (`secondary_hash`);--> statement-breakpoint
CREATE INDEX `api_keys_expires_at` ON `api_keys` (`expires_at`) WHERE "api_keys"."expires_at" IS NOT NULL;--> statement-breakpoint
CREATE INDEX `api_keys_secondary_expires_at` ON `api_keys` (`secondary_expires_at`) WHERE "api_keys"."secondary_expires_at" IS NOT NULL;--> statement-breakpoint
ALTER TABLE `audit_events` ADD `request_id` text;--> statement-breakpoint
CREATE INDEX `audit_events_request` ON `audit_events` (`request_id`) WHERE "audit_events"."request_id" IS NOT NULL;