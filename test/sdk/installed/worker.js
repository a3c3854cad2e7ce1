import { discover } from 'edgemint-sdk/client';

export default {
  async fetch(_, { ISSUER }) {
    const { issuer } = await discover(ISSUER);
    return Response.json({ issuer });
  },
};
