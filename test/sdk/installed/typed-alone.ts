// A project that has the frameworks, but does not import their entry points, sees nothing of them.

import { verifier } from 'edgemint-sdk/verify';
import type { Request } from 'express';
import type { FastifyRequest } from 'fastify';
import type { Context } from 'hono';

declare const ofExpress: Request;
declare const ofFastify: FastifyRequest;
declare const ofHono: Context;

// @ts-expect-error: nothing is added to the request
console.log(ofExpress.token);
// @ts-expect-error: nothing is added to the request
console.log(ofFastify.token);
console.log(ofHono.var, verifier);
