/** The server's API, as far as the page needs it. */
function headers(key) {
  const own = {'Content-Type': 'application/json'};
  if (key) {
    own.Authorization = 'Bearer ' + key;
  }
  return own;
}

async function refuse(response) {
  let message = response.status + ' ' + response.statusText;
  try {
    message = (await response.json()).error.message;
  } catch {
    // the status says it
  }
  throw new Error(message);
}

/** Names that may be asked for. */
export async function models(key) {
  const response = await fetch('/v1/models', {headers: headers(key)});
  if (!response.ok) {
    await refuse(response);
  }
  return (await response.json()).data;
}

/** Events of a streamed chat, one after the other. */
export async function* chat(request, key, signal) {
  const body = JSON.stringify({...request, stream: true, stream_options: {include_usage: true}});
  const response = await fetch('/v1/chat/completions', {method: 'POST', headers: headers(key), body, signal});
  if (!response.ok) {
    await refuse(response);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const {value, done} = await reader.read();
    if (done) {
      return;
    }
    rest += value;
    let end;
    while ((end = rest.indexOf('\n\n')) >= 0) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (!line.startsWith('data: ') || line === 'data: [DONE]') {
        continue;
      }
      const event = JSON.parse(line.slice(6));
      if (event.error) {
        throw new Error(event.error.message);
      }
      yield event;
    }
  }
}
