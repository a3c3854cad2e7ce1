CREATE TABLE `client_usage_days` (
	`client_id` text NOT NULL,
	`day` integer NOT NULL,
	`counts` text NOT NULL,
	PRIMARY KEY(`client_id`, `day`)
);
--> statement-breakpoint
CREATE INDEX `client_usage_days_day` ON `client_usage_days` (`day`);--> statement-breakpoint
CREATE TABLE `usage_days` (
	`owner` text NOT NULL,
	`day` integer NOT NULL,
	`counts` text NOT NULL,
	`clients` text NOT NULL,
	PRIMARY KEY(`owner`, `day`)
);
--> statement-breakpoint
CREATE INDEX `usage_days_day` ON `usage_days` (`day`);