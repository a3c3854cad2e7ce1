import process from 'node:process';
import { discover } from 'edgemint-sdk/client';

const { ISSUER } = process.env;
const { issuer } = await discover(ISSUER);
console.log(JSON.stringify({ issuer }));
