import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClientProvider } from '@tanstack/react-query';
import { Router } from 'wouter';
import { CONSOLE_PATH } from './api/address.ts';
import { mayLeave } from './api/expiry.ts';
import { queryClient } from './api/queries.ts';
import { Shell } from './shell/shell.tsx';
import { Toasts } from './ui/toast.tsx';

/** The whole console. Base UI must not write `<style>` elements: the Content Security Policy forbids them. */
export function App() {
  return (
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queryClient}>
        <Router
          base={CONSOLE_PATH}
          aroundNav={(navigate, to, options) => {
            if (mayLeave(new URL(to, location.href).pathname)) navigate(to, options);
          }}
        >
          <Shell />
          <Toasts />
        </Router>
      </QueryClientProvider>
    </CSPProvider>
  );
}
