import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const page = (names: string) => new RegExp(String.raw`src.console.pages.(${names})(\W|$)`);

/** The parts of `ui/` that stand on Base UI. */
const FLOATING =
  '(dialog|menu|tooltip|confirm-dialog|conflict-dialog|toast-host|fields.(duration|select|combobox|multi-combobox)-field)';

// A group takes with it what its files import, unless a group of higher priority has it.
const GROUPS = [
  // What every page needs.
  {
    name: 'base',
    priority: 3,
    test: new RegExp(
      String.raw`node_modules.(react|react-dom|scheduler|@tanstack|wouter|regexparam|use-sync-external-store|@base-ui.react.(csp-provider|internals.csp-context))\W|src.console.(api|ui(?!.${FLOATING}\.))\W`,
    ),
  },
  // Dialogs, menus and lists to choose from, which come with the first page that has one.
  {
    name: 'kit',
    priority: 2,
    test: new RegExp(String.raw`node_modules.(@base-ui|@floating-ui)|src.console.ui.${FLOATING}\.`),
  },
  { name: 'overview', priority: 2, test: page('overview') },
  // The pages of rights need those of clients.
  {
    name: 'clients',
    priority: 1,
    test: page('clients?|new-client|rotate|grants|(new-)?resource-servers?|(new-)?roles?'),
  },
  { name: 'keys', priority: 1, test: page('api-keys|webhooks?|audit|export|signing-keys|master-keys|organizations?') },
];

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative, because the console also runs below an issuer with a path. The Worker makes the links of index.html absolute.
  base: './',
  plugins: [react()],
  build: {
    outDir: fileURLToPath(new URL('../../dist/assets/console', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    // A `data:` URL in a script or style would need its own permission in the Content Security Policy.
    assetsInlineLimit: 0,
    // The helper adds `<link rel=modulepreload>` for browsers that lack it. All browsers of the target have it.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
    // A hundred small files compress much worse than a few: a third of the total. What the first page needs is in none of these.
    rolldownOptions: { output: { codeSplitting: { groups: GROUPS } } },
  },
});
