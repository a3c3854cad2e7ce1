# Gets tokens with Ruby's oauth2, by both ways to send a secret, and verifies them with openid_connect, which finds the keys by discovery.
require 'json'
require 'oauth2'
require 'openid_connect'

issuer, id, secret = ENV.values_at('ISSUER', 'CLIENT_ID', 'CLIENT_SECRET')
# A test on loopback uses plain http, which the library must be told to allow.
SWD.url_builder = URI::HTTP

tokens = %i[basic_auth request_body].map do |scheme|
  client = OAuth2::Client.new(id, secret, site: issuer, token_url: '/oauth2/token', auth_scheme: scheme)
  client.client_credentials.get_token(scope: 'orders:read').token
end
config = OpenIDConnect::Discovery::Provider::Config.discover!(issuer)
keys = config.jwks
claims = tokens.map { |token| JSON::JWT.decode(token, keys) }
puts JSON.generate(issuer: config.issuer, claims: claims)
