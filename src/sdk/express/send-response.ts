/** The members of a response of Node that are used. */
export interface NodeResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/** Sends an answer through a response of Node, and keeps the headers that are set already, such as those of CORS. */
export async function sendResponse(answer: Response, response: NodeResponse): Promise<void> {
  const body = await answer.text();
  response.statusCode = answer.status;
  answer.headers.forEach((value, name) => {
    response.setHeader(name, value);
  });
  response.end(body);
}
