import type { Schema } from '../../api/types.ts';

export type ApiKey = Schema<'ApiKey'>;
