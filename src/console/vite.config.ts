import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

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
  },
});
