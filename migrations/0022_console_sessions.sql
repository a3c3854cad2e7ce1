CREATE TABLE `console_links` (
	`hash` text PRIMARY KEY NOT NULL,
	`id` text NOT NULL,
	`kind` text NOT NULL,
	`actor` text NOT NULL,
	`organization_id` text,
	`name` text,
	`scopes` text,
	`return_url` text,
	`api_key_id` text,
	`credential` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`used_at` integer
);
--> statement-breakpoint
CREATE INDEX `console_links_expires_at` ON `console_links` (`expires_at`);--> statement-breakpoint
CREATE TABLE `console_sessions` (
	`hash` text PRIMARY KEY NOT NULL,
	`id` text NOT NULL,
	`kind` text NOT NULL,
	`actor` text NOT NULL,
	`organization_id` text,
	`name` text,
	`scopes` text,
	`return_url` text,
	`api_key_id` text,
	`credential` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`holder` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `console_sessions_holder` ON `console_sessions` (`holder`,`created_at`);--> statement-breakpoint
CREATE INDEX `console_sessions_expires_at` ON `console_sessions` (`expires_at`);