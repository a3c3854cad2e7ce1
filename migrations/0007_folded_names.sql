ALTER TABLE `api_keys` ADD `folded_name` text;--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_folded_name` ON `api_keys` (`folded_name`,`organization_id`);--> statement-breakpoint
ALTER TABLE `clients` ADD `folded_name` text;--> statement-breakpoint
CREATE UNIQUE INDEX `clients_folded_name` ON `clients` (`folded_name`,`organization_id`);--> statement-breakpoint
ALTER TABLE `organizations` ADD `folded_name` text;--> statement-breakpoint
CREATE UNIQUE INDEX `organizations_folded_name` ON `organizations` (`folded_name`);--> statement-breakpoint
ALTER TABLE `roles` ADD `folded_name` text;--> statement-breakpoint
CREATE UNIQUE INDEX `roles_folded_name` ON `roles` (`folded_name`,`organization_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `roles_shared_folded_name` ON `roles` (`folded_name`) WHERE "roles"."organization_id" IS NULL;--> statement-breakpoint
UPDATE `organizations` SET `folded_name` = lower(`name`) WHERE `name` NOT GLOB '*[^ -~]*';--> statement-breakpoint
UPDATE `api_keys` SET `folded_name` = lower(`name`) WHERE `name` NOT GLOB '*[^ -~]*';--> statement-breakpoint
UPDATE `roles` SET `folded_name` = lower(`name`) WHERE `name` NOT GLOB '*[^ -~]*';--> statement-breakpoint
UPDATE `clients` SET `folded_name` = lower(`client_name`) WHERE `client_name` NOT GLOB '*[^ -~]*';
