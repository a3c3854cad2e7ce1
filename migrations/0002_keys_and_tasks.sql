CREATE TABLE `background_tasks` (
	`name` text PRIMARY KEY NOT NULL,
	`succeeded_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `retired_master_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`sealed_keys` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `revoked_signing_keys` (
	`kid` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `changes` ADD `settles_at` integer DEFAULT 0;--> statement-breakpoint
ALTER TABLE `signing_keys` ADD `signs_from` integer;