ALTER TABLE `clients` ADD `additional_auth_methods` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `keys` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `jwks_uri` text;--> statement-breakpoint
ALTER TABLE `clients` ADD `tls_subject` text;--> statement-breakpoint
ALTER TABLE `clients` ADD `federated_identities` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `dpop_bound_access_tokens` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `dpop_nonce_required` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `tls_client_certificate_bound_access_tokens` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `clients` ADD `security_profile` text DEFAULT 'standard' NOT NULL;--> statement-breakpoint
ALTER TABLE `organizations` ADD `security_profile` text DEFAULT 'standard' NOT NULL;