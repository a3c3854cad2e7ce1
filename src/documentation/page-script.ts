/** The style of the page, besides that of Swagger UI. */
export const STYLE = `:root { color-scheme: light dark; }
body { margin: 0; }
html.dark-mode body { background: #1c2022; }
.swagger-ui .introduction { max-width: 1460px; margin: 0 auto; padding: 12px 20px 0; box-sizing: border-box; }
.swagger-ui .introduction > summary { cursor: pointer; font: bold 24px sans-serif; }
html.dark-mode .swagger-ui .introduction > summary { color: #e4e6e6; }
.swagger-ui .introduction .info { margin: 16px 0; }
.swagger-ui .scheme-container { padding: 12px 0; margin-bottom: 8px; }
`;

/**
 * The script that starts Swagger UI and adds what it lacks: the introduction is folded, so that the operations are in sight; keys are
 * masked; a request that was tried is shown as code in four languages, without the key.
 *
 * By default Swagger UI sends the URL of the document to a validator on another host; \`validatorUrl: null\` prevents that.
 */
export const SCRIPT = `'use strict';
const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();

// The values of a request, with the credentials taken out: what is shown here gets copied into tickets.
function readRequest(request) {
  const headers = Object.entries(request.get('headers')?.toJS() ?? {});
  const isSecret = ([name]) => name.toLowerCase() === 'authorization';
  const scheme = String(headers.find(isSecret)?.[1] ?? '').split(' ')[0];
  const body = request.get('body');
  return {
    url: request.get('url'),
    method: String(request.get('method')).toUpperCase(),
    headers: headers.filter((header) => !isSecret(header)),
    isBearer: scheme === 'Bearer',
    isBasic: scheme === 'Basic',
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body.toJS?.() ?? body, null, 2),
  };
}

const quote = (text) => "'" + text.replaceAll("'", "'\\\\''") + "'";
const literal = (text) => JSON.stringify(text);

function curl(request) {
  const { url, method, headers, isBearer, isBasic, body } = readRequest(request);
  return [
    'curl -X ' + method + ' ' + quote(url),
    ...(isBearer ? ['-H "Authorization: Bearer $API_KEY"'] : []),
    ...(isBasic ? ['-u "$CLIENT_ID:$CLIENT_SECRET"'] : []),
    ...headers.map(([name, value]) => '-H ' + quote(name + ': ' + value)),
    ...(body === undefined ? [] : ['--data-raw ' + quote(body)]),
  ].join(' \\\\\\n  ');
}

function javascript(request) {
  const { url, method, headers, isBearer, isBasic, body } = readRequest(request);
  const authorization = isBearer
    ? ['    Authorization: \`Bearer \${process.env.API_KEY}\`,']
    : isBasic
      ? ['    Authorization: \`Basic \${btoa(\`\${process.env.CLIENT_ID}:\${process.env.CLIENT_SECRET}\`)}\`,']
      : [];
  return [
    'const response = await fetch(' + literal(url) + ', {',
    '  method: ' + literal(method) + ',',
    '  headers: {',
    ...authorization,
    ...headers.map(([name, value]) => '    ' + literal(name) + ': ' + literal(value) + ','),
    '  },',
    ...(body === undefined ? [] : ['  body: ' + literal(body) + ',']),
    '});',
    'console.log(response.status, await response.json());',
  ].join('\\n');
}

function python(request) {
  const { url, method, headers, isBearer, isBasic, body } = readRequest(request);
  const all = headers.map(([name, value]) => literal(name) + ': ' + literal(value));
  if (isBearer) all.unshift('"Authorization": f"Bearer {os.environ[\\'API_KEY\\']}"');
  return [
    'import os',
    'import requests',
    '',
    'response = requests.request(',
    '    ' + literal(method) + ',',
    '    ' + literal(url) + ',',
    '    headers={' + all.join(', ') + '},',
    ...(isBasic ? ['    auth=(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]),'] : []),
    ...(body === undefined ? [] : ['    data=' + literal(body) + ',']),
    ')',
    'print(response.status_code, response.json())',
  ].join('\\n');
}

function go(request) {
  const { url, method, headers, isBearer, isBasic, body } = readRequest(request);
  return [
    'request, err := http.NewRequest(' + literal(method) + ', ' + literal(url) + ', strings.NewReader(' + literal(body ?? '') + '))',
    'if err != nil {',
    '\\tlog.Fatal(err)',
    '}',
    ...(isBearer ? ['request.Header.Set("Authorization", "Bearer "+os.Getenv("API_KEY"))'] : []),
    ...(isBasic ? ['request.SetBasicAuth(os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"))'] : []),
    ...headers.map(([name, value]) => 'request.Header.Set(' + literal(name) + ', ' + literal(value) + ')'),
    'response, err := http.DefaultClient.Do(request)',
    'if err != nil {',
    '\\tlog.Fatal(err)',
    '}',
    'defer response.Body.Close()',
    'io.Copy(os.Stdout, response.Body)',
  ].join('\\n');
}

// The components are React's; there is no JSX here.
function additions({ React }) {
  const masked = (Original) => (props) => {
    const box = React.useRef(null);
    React.useEffect(() => {
      for (const input of box.current?.querySelectorAll('input') ?? []) {
        if (input.name === 'username') continue;
        input.type = 'password';
        input.autocomplete = 'off';
      }
    });
    return React.createElement('div', { ref: box }, React.createElement(Original, props));
  };
  const folded = (Original) => (props) =>
    React.createElement(
      'details',
      { className: 'introduction' },
      React.createElement('summary', null, 'Edgemint API: introduction'),
      React.createElement(Original, props),
    );
  return {
    wrapComponents: { InfoContainer: folded, HttpAuth: masked },
    fn: {
      requestSnippetGenerator_curl_bash: curl,
      requestSnippetGenerator_javascript: javascript,
      requestSnippetGenerator_go: go,
      requestSnippetGenerator_python: python,
    },
  };
}

SwaggerUIBundle({
  dom_id: '#page',
  url: 'openapi.json',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  filter: true,
  validatorUrl: null,
  plugins: [additions],
  requestSnippetsEnabled: true,
  requestSnippets: {
    generators: {
      curl_bash: { title: 'curl', syntax: 'bash' },
      javascript: { title: 'JavaScript', syntax: 'javascript' },
      go: { title: 'Go', syntax: 'go' },
      python: { title: 'Python', syntax: 'python' },
    },
    defaultExpanded: true,
    languages: ['curl_bash', 'javascript', 'go', 'python'],
  },
});
`;
