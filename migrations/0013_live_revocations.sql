CREATE TABLE `live_revocations` (
	`version` integer PRIMARY KEY NOT NULL,
	`audience` text NOT NULL,
	`organization_id` text NOT NULL,
	`kind` text NOT NULL,
	`hash` text NOT NULL,
	`client` text NOT NULL,
	`cut_off` integer,
	`is_disabled` integer NOT NULL,
	`state` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `live_revocations_subject` ON `live_revocations` (`hash`,`client`,`kind`,`audience`);--> statement-breakpoint
CREATE INDEX `live_revocations_audience` ON `live_revocations` (`audience`,`version`);--> statement-breakpoint
CREATE INDEX `live_revocations_organization` ON `live_revocations` (`organization_id`,`version`) WHERE "live_revocations"."audience" = '';--> statement-breakpoint
CREATE INDEX `live_revocations_expires_at` ON `live_revocations` (`expires_at`);