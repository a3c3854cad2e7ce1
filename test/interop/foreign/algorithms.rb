# Says which of the tokens on standard input json-jwt and ruby-jwt verify with the whole key set.
require 'json'
require 'json/jwt'
require 'jwt'

input = JSON.parse($stdin.read)

def works
  yield
  true
rescue StandardError, LoadError
  false
end

result = { 'json-jwt' => {}, 'ruby-jwt' => {} }
input['tokens'].each do |algorithm, token|
  result['json-jwt'][algorithm] = works { JSON::JWT.decode(token, JSON::JWK::Set.new(input['keys'])) }
  result['ruby-jwt'][algorithm] = works do
    JWT.decode(token, nil, true, algorithms: [algorithm], jwks: { keys: input['keys']['keys'].map { |key| key.transform_keys(&:to_sym) } })
  end
end
puts JSON.generate(result)
