// Recorded answers of an Edgemint, so that the examples are consistent: the token belongs to the client, has the claims, and verifies
// with the key.

export const CLIENT_ID = 'emc_2ZubLG9Tzs7yo4EqDgHxpePPgQI6XQ';
export const CLIENT_SECRET = 'ems_1wWWmx8Fr1V9obh7A029c6VR75OlBKd2twCZ4kLK8NV3c5Uai';

export const ACCESS_TOKEN = [
  'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IkpZVU5wWlJPcnJtby1PRmN3MjQ3cXBsVFVJeEtOUlloR1pnaFo0NUY4OFUifQ',
  'eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20iLCJzdWIiOiJlbWNfMlp1YkxHOVR6czd5bzRFcURnSHhwZVBQZ1FJNlhRIiwiYXVkIjoiaHR0cHM6Ly9hcGkuZXhhbXBsZS5jb20vb3JkZXJzIiwiZXhwIjoxNzk1MzE1NDY5LCJpYXQiOjE3OTUzMTE4NjksImp0aSI6IjY0NDY4MGJiLTQwNzUtNGUwZC04ZDBjLTFhMjM4MzVlMzU5OCIsImNsaWVudF9pZCI6ImVtY18yWnViTEc5VHpzN3lvNEVxRGdIeHBlUFBnUUk2WFEiLCJvcmdfaWQiOiJvcmdfNVdxdmlJVkg4UGxPQ1JCY3B3bHRWcSIsInNjb3BlIjoib3JkZXJzOnJlYWQgb3JkZXJzOndyaXRlIiwicm9sZXMiOlsib3JkZXItcmVhZGVyIl19',
  'm1o_ZJvkG4b9QwWKja__gByB53xilWiTSNwCbds7gXQHWEEOlNPxWYDf33D8JUuX5EGopcZSy3cSAJuuD-CXsw',
].join('.');

export const CLAIMS = {
  iss: 'https://auth.example.com',
  sub: CLIENT_ID,
  aud: 'https://api.example.com/orders',
  exp: 1795315469,
  iat: 1795311869,
  jti: '644680bb-4075-4e0d-8d0c-1a23835e3598',
  client_id: CLIENT_ID,
  org_id: 'org_5WqviIVH8PlOCRBcpwltVq',
  scope: 'orders:read orders:write',
  roles: ['order-reader'],
};

export const JWK = {
  kty: 'EC',
  crv: 'P-256',
  x: 'UVcgGmMUhGld9nRkNtL5AlBKjRtrgCl8vGbqdlFIbus',
  y: 'IFYYzpme-OxRY7FdVYZ7wTnvo_7Nlx9sJT71o_tz4Pc',
  kid: 'JYUNpZROrrmo-OFcw247qplTUIxKNRYhGZghZ45F88U',
  use: 'sig',
  alg: 'ES256',
};
