CREATE TABLE `client_workloads` (
	`issuer` text NOT NULL,
	`selector` text NOT NULL,
	`client_id` text NOT NULL,
	PRIMARY KEY(`issuer`, `selector`, `client_id`),
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`client_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `client_workloads_client` ON `client_workloads` (`client_id`);--> statement-breakpoint
ALTER TABLE `clients` ADD `assertion_lifetime_max` integer DEFAULT 300 NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `assertion_audience` text DEFAULT 'issuer' NOT NULL;--> statement-breakpoint
INSERT OR IGNORE INTO `client_workloads` (`issuer`, `selector`, `client_id`)
SELECT identity.value ->> 'issuer',
	CASE WHEN instr(identity.value ->> 'subject', '*') = 0 THEN 'sub=' || (identity.value ->> 'subject') ELSE '' END,
	`clients`.`client_id`
FROM `clients`, json_each(`clients`.`federated_identities`) AS identity;
