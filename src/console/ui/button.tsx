import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Link } from 'wouter';

export type ButtonKind = 'primary' | 'secondary' | 'danger' | 'quiet';

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'className'> {
  readonly kind?: ButtonKind;
  readonly size?: 'small' | 'normal';
  /** Shows that the action is running. The button keeps its focus, and does nothing when it is pressed. */
  readonly isRunning?: boolean;
}

export function Button({
  kind = 'secondary',
  size = 'normal',
  isRunning = false,
  type = 'button',
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      className={`button button-${kind} button-${size}`}
      aria-disabled={isRunning || undefined}
      onClick={(event) => {
        if (isRunning) event.preventDefault();
        else onClick?.(event);
      }}
    />
  );
}

interface LinkButtonProps {
  /** An address of the console, such as `/organizations`. */
  readonly href: string;
  readonly kind?: ButtonKind;
  readonly size?: 'small' | 'normal';
  readonly children: ReactNode;
}

export function LinkButton({ href, kind = 'secondary', size = 'normal', children }: LinkButtonProps) {
  return (
    <Link href={href} className={`button button-${kind} button-${size}`}>
      {children}
    </Link>
  );
}
