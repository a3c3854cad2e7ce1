ALTER TABLE `clients` ADD `quota` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `quota` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `quota_notices` text;--> statement-breakpoint
ALTER TABLE `organizations` ADD `quota_checked_at` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `organizations_quota` ON `organizations` (`quota_checked_at`) WHERE "organizations"."quota" IS NOT NULL;