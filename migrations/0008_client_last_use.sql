ALTER TABLE `clients` ADD `last_used_at` integer;--> statement-breakpoint
UPDATE `clients` SET `last_used_at` = (
  SELECT max(`hour`) FROM `client_usage`
  WHERE `client_usage`.`client_id` = `clients`.`client_id` AND `outcome` <> 'invalid_client'
);
