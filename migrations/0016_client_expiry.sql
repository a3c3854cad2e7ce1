ALTER TABLE `clients` ADD `expires_at` integer;--> statement-breakpoint
ALTER TABLE `clients` ADD `expiry_noticed` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `clients_expires_at` ON `clients` (`organization_id`,`expires_at`,lower("client_name")) WHERE "clients"."expires_at" IS NOT NULL;--> statement-breakpoint
CREATE INDEX `clients_expiring` ON `clients` (`expires_at`) WHERE "clients"."expires_at" IS NOT NULL AND "clients"."expiry_noticed" = 0 AND "clients"."status" = 'active';