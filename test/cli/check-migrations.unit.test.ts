import { describe, expect, test } from 'vitest';
import { checkMigrations, readMigrations } from '../../src/cli/deploy/check-migrations.ts';

describe('the check of migrations', () => {
  const BASE = 'CREATE TABLE `a` (`id` text); CREATE TABLE b (a_id text, FOREIGN KEY (`a_id`) REFERENCES `a`(`id`));';
  const complaints = (...sql: string[]) => checkMigrations(sql.map((text, i) => ({ name: `${i}.sql`, sql: text })));

  test.each([
    ['a drop', 'DROP TABLE `a`;'],
    ['a drop in other words', 'drop  table\n if exists main."a"'],
    ['a drop of a name in other case', 'DROP TABLE [A];'],
    [
      'a rebuild as drizzle-kit generates it',
      'PRAGMA foreign_keys=OFF;--> statement-breakpoint\nCREATE TABLE `__new_a` (`id` text NOT NULL);--> statement-breakpoint\n' +
        'INSERT INTO `__new_a`("id") SELECT "id" FROM `a`;--> statement-breakpoint\nDROP TABLE `a`;--> statement-breakpoint\n' +
        'ALTER TABLE `__new_a` RENAME TO `a`;--> statement-breakpoint\nPRAGMA foreign_keys=ON;',
    ],
    ['a drop behind a comment', '/* tidy up */ DROP TABLE -- it is old\n a;'],
    ['a drop after text that looks like a comment', "INSERT INTO b VALUES ('-- '); DROP TABLE a;"],
  ])('refuses %s of a referenced table', (_, sql) => {
    expect(complaints(BASE, sql)).toEqual(['1.sql drops or rebuilds the table a, which other tables reference: b.']);
  });

  test('refuses a trigger', () => {
    const sql = 'create trigger t AFTER INSERT ON b BEGIN SELECT 1; END;';
    expect(complaints(BASE, sql)).toEqual(['1.sql creates a trigger, which the remote D1 may refuse.']);
  });

  test('refuses a drop of what was renamed away from under its references', () => {
    expect(complaints(BASE, 'ALTER TABLE a RENAME TO old_a; DROP TABLE old_a;')).toHaveLength(1);
  });

  test('knows a reference that a later column brought', () => {
    const sql = 'CREATE TABLE c (id text); ALTER TABLE b ADD COLUMN c_id text REFERENCES c(id);';
    expect(complaints(BASE, sql, 'DROP TABLE c;')).toEqual([
      '2.sql drops or rebuilds the table c, which other tables reference: b.',
    ]);
  });

  test.each([
    ['a new column', 'ALTER TABLE `a` ADD `name` text;'],
    ['a drop of a table that nothing references', 'DROP TABLE b;'],
    ['a drop after that of all that referenced it', 'DROP TABLE b; DROP TABLE a;'],
    [
      'a rebuild of a table that nothing references',
      'CREATE TABLE __new_b (a_id text REFERENCES a(id)); DROP TABLE b; ALTER TABLE __new_b RENAME TO b;',
    ],
    ['words in a string or a comment', "INSERT INTO a VALUES ('; DROP TABLE a;'); -- ; DROP TABLE a;"],
    ['a drop of an index', 'DROP INDEX `a`;'],
  ])('lets %s pass', (_, sql) => {
    expect(complaints(BASE, sql)).toEqual([]);
  });

  test("lets this repository's migrations pass, and would not let one pass that drops its clients", async () => {
    const own = await readMigrations('migrations');
    expect(checkMigrations(own)).toEqual([]);
    const drop = { name: 'last.sql', sql: 'DROP TABLE clients;' };
    expect(checkMigrations([...own, drop])).toHaveLength(1);
  });
});
