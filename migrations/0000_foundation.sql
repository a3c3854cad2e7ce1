CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`name` text NOT NULL,
	`hash` text NOT NULL,
	`hint` text NOT NULL,
	`scopes` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_hash` ON `api_keys` (`hash`);--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_name` ON `api_keys` (`organization_id`,lower("name"));--> statement-breakpoint
CREATE TABLE `audit_events` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`organization_id` text,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`target` text NOT NULL,
	`address` text,
	`changes` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_events_at` ON `audit_events` (`at`);--> statement-breakpoint
CREATE INDEX `audit_events_organization` ON `audit_events` (`organization_id`,`at`);--> statement-breakpoint
CREATE INDEX `audit_events_actor` ON `audit_events` (`actor`,`at`);--> statement-breakpoint
CREATE INDEX `audit_events_target` ON `audit_events` (`target`,`at`);--> statement-breakpoint
CREATE TABLE `client_grant_scopes` (
	`client_id` text NOT NULL,
	`resource_server_id` text NOT NULL,
	`scope` text NOT NULL,
	PRIMARY KEY(`client_id`, `resource_server_id`, `scope`),
	FOREIGN KEY (`client_id`,`resource_server_id`) REFERENCES `client_grants`(`client_id`,`resource_server_id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`resource_server_id`,`scope`) REFERENCES `scopes`(`resource_server_id`,`name`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `client_grant_scopes_scope` ON `client_grant_scopes` (`resource_server_id`,`scope`);--> statement-breakpoint
CREATE TABLE `client_grants` (
	`client_id` text NOT NULL,
	`resource_server_id` text NOT NULL,
	PRIMARY KEY(`client_id`, `resource_server_id`),
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`client_id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`resource_server_id`) REFERENCES `resource_servers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `client_grants_resource_server` ON `client_grants` (`resource_server_id`);--> statement-breakpoint
CREATE TABLE `client_introspects` (
	`client_id` text NOT NULL,
	`resource_server_id` text NOT NULL,
	PRIMARY KEY(`client_id`, `resource_server_id`),
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`client_id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`resource_server_id`) REFERENCES `resource_servers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `client_introspects_resource_server` ON `client_introspects` (`resource_server_id`);--> statement-breakpoint
CREATE TABLE `client_roles` (
	`client_id` text NOT NULL,
	`role_id` text NOT NULL,
	PRIMARY KEY(`client_id`, `role_id`),
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`client_id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`role_id`) REFERENCES `roles`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `client_roles_role` ON `client_roles` (`role_id`);--> statement-breakpoint
CREATE TABLE `client_secrets` (
	`id` text PRIMARY KEY NOT NULL,
	`client_id` text NOT NULL,
	`rank` text NOT NULL,
	`hash` text NOT NULL,
	`hint` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`client_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `client_secrets_rank` ON `client_secrets` (`client_id`,`rank`);--> statement-breakpoint
CREATE UNIQUE INDEX `client_secrets_hash` ON `client_secrets` (`hash`);--> statement-breakpoint
CREATE TABLE `clients` (
	`client_id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`client_name` text NOT NULL,
	`token_endpoint_auth_method` text NOT NULL,
	`default_resource_server_id` text,
	`access_token_ttl` integer,
	`rate_limit_per_minute` integer NOT NULL,
	`rate_limit_burst` integer NOT NULL,
	`claims` text NOT NULL,
	`metadata` text NOT NULL,
	`status` text NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`default_resource_server_id`) REFERENCES `resource_servers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `clients_name` ON `clients` (`organization_id`,lower("client_name"));--> statement-breakpoint
CREATE INDEX `clients_default_resource_server` ON `clients` (`default_resource_server_id`);--> statement-breakpoint
CREATE TABLE `gates` (
	`name` text PRIMARY KEY NOT NULL,
	`client_id` text NOT NULL,
	FOREIGN KEY (`client_id`) REFERENCES `clients`(`client_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `gates_client` ON `gates` (`client_id`);--> statement-breakpoint
CREATE TABLE `organizations` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`subject` text NOT NULL,
	`metadata` text NOT NULL,
	`status` text NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `organizations_name` ON `organizations` (lower("name"));--> statement-breakpoint
CREATE TABLE `resource_servers` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text,
	`identifier` text NOT NULL,
	`name` text NOT NULL,
	`access_token_ttl` integer,
	`signing_alg` text NOT NULL,
	`introspection` text NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `resource_servers_identifier` ON `resource_servers` (`identifier`);--> statement-breakpoint
CREATE INDEX `resource_servers_organization` ON `resource_servers` (`organization_id`);--> statement-breakpoint
CREATE TABLE `role_grant_scopes` (
	`role_id` text NOT NULL,
	`resource_server_id` text NOT NULL,
	`scope` text NOT NULL,
	PRIMARY KEY(`role_id`, `resource_server_id`, `scope`),
	FOREIGN KEY (`role_id`,`resource_server_id`) REFERENCES `role_grants`(`role_id`,`resource_server_id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`resource_server_id`,`scope`) REFERENCES `scopes`(`resource_server_id`,`name`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `role_grant_scopes_scope` ON `role_grant_scopes` (`resource_server_id`,`scope`);--> statement-breakpoint
CREATE TABLE `role_grants` (
	`role_id` text NOT NULL,
	`resource_server_id` text NOT NULL,
	PRIMARY KEY(`role_id`, `resource_server_id`),
	FOREIGN KEY (`role_id`) REFERENCES `roles`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`resource_server_id`) REFERENCES `resource_servers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `role_grants_resource_server` ON `role_grants` (`resource_server_id`);--> statement-breakpoint
CREATE TABLE `roles` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text,
	`name` text NOT NULL,
	`description` text NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organizations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `roles_name` ON `roles` (lower("name"),`organization_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `roles_shared_name` ON `roles` (lower("name")) WHERE "roles"."organization_id" IS NULL;--> statement-breakpoint
CREATE INDEX `roles_organization` ON `roles` (`organization_id`);--> statement-breakpoint
CREATE TABLE `scopes` (
	`resource_server_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text NOT NULL,
	PRIMARY KEY(`resource_server_id`, `name`),
	FOREIGN KEY (`resource_server_id`) REFERENCES `resource_servers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `signing_keys` (
	`kid` text PRIMARY KEY NOT NULL,
	`alg` text NOT NULL,
	`status` text NOT NULL,
	`public_jwk` text NOT NULL,
	`sealed_private_jwk` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `signing_keys_role` ON `signing_keys` (`alg`,`status`) WHERE "signing_keys"."status" <> 'retiring';--> statement-breakpoint
CREATE TABLE `version_sequence` (
	`id` integer PRIMARY KEY NOT NULL,
	`value` integer NOT NULL,
	CONSTRAINT "version_sequence_is_one_row" CHECK("version_sequence"."id" = 1)
);
