import {LitElement, html, nothing} from 'lit';
import {chat, models} from './api.js';
import {WORDS} from './words.js';

const KEPT = 'zhulong';

/** A conversation with the model. */
class ZlChat extends LitElement {
  static properties = {
    turns: {state: true}, busy: {state: true}, draft: {state: true}, open: {state: true}, names: {state: true}, precisions: {state: true}, settings: {state: true},
  };

  constructor() {
    super();
    this.turns = [];
    this.busy = false;
    this.draft = '';
    this.open = false;
    this.names = [];
    this.precisions = [];
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? '{}');
    const language = navigator.language.startsWith('zh') ? 'zh' : 'en';
    this.settings = {language, theme: '', system: '', model: '', precision: 'auto', temperature: 0.7, topP: 1, most: 512, seed: '', chances: false, ...kept, key: sessionStorage.getItem(KEPT) ?? ''};
    this.dress();
    this.learn();
  }

  /** In the page's own tree, so that its one style sheet holds. */
  createRenderRoot() {
    return this;
  }

  get words() {
    return WORDS[this.settings.language];
  }

  set(name, value) {
    this.settings = {...this.settings, [name]: value};
    const {key, ...rest} = this.settings;
    localStorage.setItem(KEPT, JSON.stringify(rest));
    // a key is forgotten with the tab
    sessionStorage.setItem(KEPT, key);
    this.dress();
    if (name === 'key') {
      this.learn();
    }
  }

  dress() {
    document.documentElement.dataset.theme = this.settings.theme;
    document.documentElement.lang = this.settings.language;
  }

  async learn() {
    try {
      const known = await models(this.settings.key);
      this.names = known.map(each => each.id);
      this.precisions = known[0].precisions?.map(each => each.precision) ?? [];
    } catch {
      // without a key nobody is told; the first message says so
    }
  }

  request() {
    const s = this.settings;
    const messages = this.turns.filter(turn => turn.text || turn.role === 'user').map(turn => ({role: turn.role, content: turn.text}));
    if (s.system) {
      messages.unshift({role: 'system', content: s.system});
    }
    const request = {messages, temperature: Number(s.temperature), top_p: Number(s.topP), max_completion_tokens: Number(s.most), precision: s.precision};
    if (s.model && this.names.includes(s.model)) {
      request.model = s.model;
    }
    if (s.seed !== '') {
      request.seed = Number(s.seed);
    }
    if (s.chances) {
      request.logprobs = true;
      request.top_logprobs = 5;
    }
    return request;
  }

  send() {
    const text = this.draft.trim();
    if (!text || this.busy) {
      return;
    }
    this.draft = '';
    this.turns = [...this.turns, {role: 'user', text}];
    this.answer();
  }

  again() {
    if (!this.busy && this.turns.length) {
      this.turns = this.turns.slice(0, this.turns.findLastIndex(turn => turn.role === 'user') + 1);
      this.answer();
    }
  }

  async answer() {
    const request = this.request();
    const turn = {role: 'assistant', text: '', tokens: [], note: ''};
    this.turns = [...this.turns, turn];
    this.busy = true;
    this.abort = new AbortController();
    let began = 0;
    try {
      for await (const event of chat(request, this.settings.key, this.abort.signal)) {
        this.take(event, turn, began);
        began ||= turn.text ? performance.now() : 0;
        this.turns = [...this.turns];
      }
    } catch (problem) {
      if (problem.name !== 'AbortError') {
        turn.note = this.words.failed + problem.message;
      }
    } finally {
      this.busy = false;
      this.turns = [...this.turns];
    }
  }

  take(event, turn, began) {
    const choice = event.choices[0];
    if (choice) {
      turn.text += choice.delta.content ?? '';
      turn.tokens.push(...(choice.logprobs?.content ?? []));
      if (choice.delta.refusal) {
        turn.note = choice.delta.refusal;
      }
      if (choice.finish_reason === 'length') {
        turn.note = this.words.cut;
      } else if (choice.finish_reason === 'content_filter') {
        turn.note ||= this.words.filtered;
      }
    }
    if (event.usage) {
      const seconds = (performance.now() - began) / 1000;
      const rate = began && event.usage.completion_tokens > 1 ? ((event.usage.completion_tokens - 1) / seconds).toFixed(1) : '–';
      turn.speed = `${rate} ${this.words.speed} · ${event.usage.prompt_tokens_details.cached_tokens}/${event.usage.prompt_tokens} ${this.words.cached} · ${event.precision}`;
    }
  }

  updated() {
    const log = this.querySelector('main');
    if (log && log.scrollHeight - log.scrollTop - log.clientHeight < 160) {
      log.scrollTop = log.scrollHeight;
    }
  }

  key(event) {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.send();
    }
  }

  token(token) {
    const chance = value => (100 * Math.exp(value)).toFixed(1) + ' %';
    const title = [token, ...token.top_logprobs.filter(other => other.token !== token.token)].map(each => `${JSON.stringify(each.token)}  ${chance(each.logprob)}`).join('\n');
    const level = Math.min(4, Math.floor(-token.logprob));
    return html`<span class="token level${level}" title=${title}>${token.token}</span>`;
  }

  turn(turn, last) {
    const tokens = this.settings.chances && turn.tokens?.length;
    return html`<article class=${turn.role}>
      <h2>${this.words[turn.role]}</h2>
      <p>${tokens ? turn.tokens.map(each => this.token(each)) : turn.text}${last && this.busy ? html`<span class="cursor">▍</span>` : nothing}</p>
      ${turn.note ? html`<p class="note" role="alert">${turn.note}</p>` : nothing}
      ${turn.speed ? html`<footer>${turn.speed}</footer>` : nothing}
    </article>`;
  }

  number(name, least, most, step) {
    return html`<label>${this.words[name]}<input type="number" name=${name} min=${least} max=${most} step=${step} .value=${String(this.settings[name])}
      placeholder=${name === 'seed' ? this.words.random : nothing} @change=${event => this.set(name, event.target.value)}></label>`;
  }

  choice(name, values) {
    return html`<label>${this.words[name]}<select name=${name} @change=${event => this.set(name, event.target.value)}>
      ${values.map(value => html`<option value=${value} ?selected=${value === this.settings[name]}>${this.words[value] ?? value}</option>`)}</select></label>`;
  }

  panel() {
    return html`<aside>
      <label class="wide">${this.words.system}<textarea name="system" rows="3" .value=${this.settings.system} @change=${event => this.set('system', event.target.value)}></textarea></label>
      ${this.names.length > 1 ? this.choice('model', this.names) : nothing}
      ${this.precisions.length > 1 ? this.choice('precision', ['auto', ...this.precisions]) : nothing}
      ${this.number('temperature', 0, 2, 0.1)}${this.number('topP', 0, 1, 0.05)}${this.number('most', 1, 100000, 1)}${this.number('seed', 0, 2147483647, 1)}
      <label>${this.words.key}<input type="password" name="key" autocomplete="off" .value=${this.settings.key} @change=${event => this.set('key', event.target.value)}></label>
      <label class="check"><input type="checkbox" name="chances" .checked=${this.settings.chances} @change=${event => this.set('chances', event.target.checked)}>${this.words.chances}</label>
    </aside>`;
  }

  render() {
    const w = this.words;
    const dark = this.settings.theme ? this.settings.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    return html`
      <header>
        <h1>烛龙 Zhulong</h1>
        <button id="clear" @click=${() => { this.abort?.abort(); this.turns = []; }}>${w.clear}</button>
        <button id="theme" title=${w.theme} aria-label=${w.theme} @click=${() => this.set('theme', dark ? 'light' : 'dark')}>${dark ? '☀' : '☾'}</button>
        <button id="language" @click=${() => this.set('language', this.settings.language === 'zh' ? 'en' : 'zh')}>${w.language}</button>
        <button id="settings" aria-expanded=${this.open} @click=${() => { this.open = !this.open; }}>${w.settings}</button>
      </header>
      ${this.open ? this.panel() : nothing}
      <main aria-live="polite">${this.turns.map((turn, i) => this.turn(turn, i === this.turns.length - 1))}</main>
      <form @submit=${event => { event.preventDefault(); this.send(); }}>
        <textarea name="message" rows="2" aria-label=${w.ask} placeholder=${w.ask} .value=${this.draft} @input=${event => { this.draft = event.target.value; }} @keydown=${this.key}></textarea>
        ${this.busy ? html`<button id="stop" type="button" @click=${() => this.abort.abort()}>${w.stop}</button>` : html`<button id="send" type="submit">${w.send}</button>`}
        <button id="again" type="button" ?disabled=${this.busy || !this.turns.length} @click=${this.again}>${w.again}</button>
      </form>`;
  }
}

customElements.define('zl-chat', ZlChat);
