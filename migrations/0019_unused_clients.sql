ALTER TABLE `client_secrets` ADD `quiet_from` integer;--> statement-breakpoint
ALTER TABLE `client_secrets` ADD `disuse_noticed` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `client_secrets_quiet` ON `client_secrets` (CASE WHEN "quiet_from" IS NOT NULL THEN "quiet_from" WHEN "rotated_at" IS NOT NULL THEN "rotated_at" ELSE "created_at" END) WHERE "client_secrets"."rank" = 'secondary' AND "client_secrets"."disuse_noticed" = 0;--> statement-breakpoint
ALTER TABLE `clients` ADD `unused_excepted` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `unused_reported_at` integer;--> statement-breakpoint
ALTER TABLE `clients` ADD `unused_since` integer;--> statement-breakpoint
ALTER TABLE `clients` ADD `enabled_at` integer;--> statement-breakpoint
CREATE INDEX `clients_unused_excepted` ON `clients` (`organization_id`,`client_id`) WHERE "clients"."unused_excepted" = 1;--> statement-breakpoint
ALTER TABLE `organizations` ADD `unused_report_days` integer;--> statement-breakpoint
ALTER TABLE `organizations` ADD `unused_disable_days` integer;--> statement-breakpoint
ALTER TABLE `organizations` ADD `unused_policy_since` integer;--> statement-breakpoint
ALTER TABLE `organizations` ADD `unused_check_at` integer;--> statement-breakpoint
ALTER TABLE `organizations` ADD `unused_cursor` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `enabled_at` integer;--> statement-breakpoint
CREATE INDEX `organizations_unused_check_at` ON `organizations` (`unused_check_at`) WHERE "organizations"."unused_check_at" IS NOT NULL;