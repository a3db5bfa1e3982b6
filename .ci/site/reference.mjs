// Writes the contract as pages in Markdown, one for each tag.
const methods = ['get', 'put', 'post', 'patch', 'delete'];

// reference returns the pages: their name, title and text.
export function reference(contract) {
  const resolve = (object) => object?.$ref ? resolve(object.$ref.slice(2).split('/').reduce((at, part) => at[part.replaceAll('~1', '/')], contract)) : object;
  const operations = Object.entries(contract.paths).flatMap(([path, item]) => methods.filter((method) => item[method]).map((method) => (
    { path, method, parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(resolve), ...item[method] })));
  const pages = contract.tags.map(({ name, description = '' }) => {
    const mine = operations.filter(({ tags }) => tags.includes(name));
    return { name, title: capital(name), text: `# ${capital(name)}\n\n${text(description)}\n\n${mine.map((operation) => operationText(operation, resolve)).join('\n')}` };
  }).filter(({ text: page }) => page.includes('\n## '));
  const list = pages.map(({ name, title }) => `- [${title}](/reference/${name}.md)`).join('\n');
  return [{ name: 'index', title: 'Overview', text: `# The API\n\n${text(contract.info.description)}\n\n${list}\n` }, ...pages];
}

const capital = (word) => word[0].toUpperCase() + word.slice(1);

function operationText({ path, method, summary, description = '', operationId, parameters, requestBody, responses }, resolve) {
  const body = resolve(requestBody)?.content?.['application/json'];
  const [status, success] = Object.entries(responses).find(([code]) => code < '400') ?? [];
  const answer = resolve(success)?.content?.['application/json'];
  return [
    `## ${text(summary)} {#${operationId}}`,
    `\`\`\`http\n${method.toUpperCase()} ${path}\n\`\`\``,
    text(description),
    parameters.length > 0 && table(['parameter', 'in', 'meaning'], parameters.map(({ name, in: place, required, description: meaning = '' }) => [`\`${name}\``, place, `${required ? 'Required. ' : ''}${meaning}`])),
    body && `### Request {#${operationId}-request}`,
    body && membersOf(body.schema, resolve),
    body && example(body, resolve),
    `### Response {#${operationId}-response}`,
    `${status}: ${text(resolve(success)?.description ?? '')}`,
    answer && membersOf(answer.schema, resolve),
    answer && example(answer, resolve),
    table(['other responses', ''], Object.entries(responses).filter(([code]) => code !== status).map(([code, other]) => [code, resolve(other).description])),
  ].filter(Boolean).join('\n\n') + '\n';
}

function membersOf(schema, resolve) {
  const rows = members(schema, resolve, '', 0);
  return rows.length > 0 && table(['member', 'type', 'meaning'], rows);
}

function members(unresolved, resolve, before, depth) {
  const schema = whole(unresolved, resolve);
  if (depth > 2) return [];
  if (schema.type === 'array') return members(schema.items, resolve, before && `${before}[]`, depth);
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const { type = '', format, enum: values, nullable, description = '' } = whole(member, resolve);
    const path = before ? `${before}.${name}` : name;
    const kind = [values && type === 'string' ? values.filter((value) => value !== null).map((value) => `\`${value}\``).join(', ') : format === 'date-time' ? 'time' : type, nullable && 'or null'].filter(Boolean).join(' ');
    return [[`\`${path}\``, kind, description], ...members(member, resolve, path, depth + 1)];
  });
}

// whole joins the parts of a schema that is made of several.
function whole(unresolved, resolve) {
  const schema = resolve(unresolved) ?? {};
  const parts = (schema.allOf ?? []).map((part) => whole(part, resolve));
  return parts.reduce((all, part) => ({ ...part, ...all, properties: { ...part.properties, ...all.properties } }), schema);
}

function example({ example: one, examples }, resolve) {
  const value = one ?? resolve(Object.values(examples ?? {})[0])?.value;
  return value !== undefined && `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
}

function table(head, rows) {
  if (rows.length === 0) return '';
  const line = (cells) => `| ${cells.map((cell) => text(String(cell)).replaceAll('\n', ' ').replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

// text keeps what the site would take for HTML or for a template from being one. Code stays as it is.
const text = (prose) => prose.split(/(`[^`]*`)/).map((part, at) => at % 2 === 1 ? part : part.replaceAll('<', '&lt;').replaceAll('{', '&#123;')).join('');
