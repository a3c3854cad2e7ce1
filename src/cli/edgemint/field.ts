import type { Kind } from './named-kinds.ts';

/** A field of a representation, and the option that sets it. */
export interface Field {
  readonly name: string;
  /** If the field is an object of which the option sets one member: the name of that member. */
  readonly member?: string;
  /** The flags in the syntax of commander. */
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  readonly parse?: (text: string) => unknown;
  /** If the option is repeatable: whether its values form a list, or `[key, value]` pairs an object. */
  readonly many?: 'list' | 'object';
  /** If the values are ids: the kind of resource. `update` takes names too, of resources of the updated organization. */
  readonly kind?: Kind;
  /** Whether only `create` takes the option. */
  readonly onlyNew?: boolean;
}
