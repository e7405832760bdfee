// The model lives here, beside the page, which stays alive while tokens are computed. The page posts {load} or {write}, {stop}; it is posted {loaded}, {text, id}, {done}, {error}.
'use strict';
let zhulong = null;
let stopped = false;

// Lets a request to stop in. Not by a timer: browsers make those wait for four milliseconds, a fifth of a token.
const channel = new MessageChannel();
const turn = () => new Promise(done => {
  channel.port1.onmessage = done;
  channel.port2.postMessage(null);
});

async function load(source) {
  zhulong = zhulong || (await TeaVM.wasmGC.load('zhulong.wasm')).exports;
  let bytes;
  if (typeof source === 'string') {
    const answer = await fetch(source);
    if (!answer.ok) throw new Error(source + ': ' + answer.status + ' ' + answer.statusText);
    bytes = await answer.arrayBuffer();
  } else {
    bytes = await source.arrayBuffer();
  }
  if (!zhulong.open(new Int8Array(bytes))) throw new Error(zhulong.error());
  postMessage({loaded: bytes.byteLength});
}

async function write({prompt, tokens, temperature, topK, topP, minP, seed}) {
  stopped = false;
  const text = zhulong.composes() ? prompt.normalize('NFC') : prompt;
  if (!zhulong.begin(text, temperature, topK, topP, minP, seed)) throw new Error(zhulong.error());
  const decoder = new TextDecoder();
  let n = 0;
  for (; n < tokens && !stopped; n++) {
    const id = zhulong.next();
    if (id === -2) throw new Error(zhulong.error());
    if (id === -1) break;
    postMessage({id, text: decoder.decode(new Uint8Array(zhulong.piece()), {stream: true})});
    await turn();
  }
  postMessage({done: n});
}

onmessage = ({data}) => {
  if (data.stop) {
    stopped = true;
    return;
  }
  (data.load ? load(data.load) : write(data.write)).catch(e => postMessage({error: String(e.message || e)}));
};
