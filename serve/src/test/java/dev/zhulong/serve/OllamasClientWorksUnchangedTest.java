package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The {@code ollama} package of npm. */
class OllamasClientWorksUnchangedTest {
    private static final String SCRIPT = """
            import { Ollama } from 'ollama';
            const client = new Ollama({host: process.argv[2]});
            const ask = (content, more = {}) => ({model: 'tiny', options: {temperature: 0, num_predict: 100}, messages: [{role: 'user', content}], ...more});
            const whole = await client.chat(ask('hi'));
            console.log('whole', whole.message.content, whole.done, whole.done_reason, whole.eval_count, whole.prompt_eval_count, whole.total_duration >= whole.eval_duration);
            let text = '', last;
            for await (const part of await client.chat(ask('hi', {model: 'tiny:latest', stream: true}))) {
              text += part.message.content;
              last = part;
            }
            console.log('stream', text, last.done, last.done_reason, last.eval_count, last.eval_duration > 0);
            const tools = [{type: 'function', function: {name: 'weather', description: 'of a city', parameters: {type: 'object', properties: {city: {type: 'string'}}, required: ['city']}}}];
            const called = await client.chat(ask('weather', {tools}));
            console.log('tool', called.message.content, called.message.tool_calls[0].function.name, called.message.tool_calls[0].function.arguments.city);
            const told = await client.chat({model: 'tiny', tools, messages: [{role: 'user', content: 'weather'}, called.message, {role: 'tool', tool_name: 'weather', content: 'sunny'}]});
            console.log('result', told.message.content);
            console.log('json', JSON.parse((await client.chat(ask('JSON', {format: {type: 'object', properties: {city: {enum: ['Ulm']}}, required: ['city'], additionalProperties: false}}))).message.content).city);
            console.log('generate', (await client.generate({model: 'tiny', prompt: 'hi', system: 'Be brief.', options: {num_predict: 2}})).response);
            let raw = '';
            for await (const part of await client.generate({model: 'tiny', prompt: 'abc', raw: true, stream: true})) raw += part.response;
            console.log('raw', raw);
            console.log('list', (await client.list()).models.map(model => model.name).join());
            const shown = await client.show({model: 'tiny'});
            console.log('show', shown.capabilities.join(), shown.model_info['llama.context_length']);
            console.log('embed', (await client.embed({model: 'tiny', input: ['a', 'b']})).embeddings.map(vector => vector.length).join());
            console.log('version', (await client.version()).version);
            try {
              await client.chat(ask('hi', {model: 'other'}));
            } catch (e) {
              console.log('error', e.status_code, e.message);
            }
            """;

    @Test
    void itChatsStreamsGeneratesCallsToolsEmbedsAndLists() throws Exception {
        try (TestServer server = TestServer.of(prompt -> prompt.endsWith("sunny") ? "It is sunny." : prompt.endsWith("weather")
                ? "I look.<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}</tool_call>" : prompt.endsWith("JSON") ? "{\"city\":\"Ulm\"}"
                : prompt.equals("abc") ? "def" : prompt.startsWith("<system>Be brief.<user>hi") ? "So." : "Hello to you.")) {
            assertThat(NodeScript.told("ollama", SCRIPT, server)).isEqualTo("""
                    whole Hello to you. true stop 13 11 true
                    stream Hello to you. true stop 13 true
                    tool I look. weather Ulm
                    result It is sunny.
                    json Ulm
                    generate So
                    raw def
                    list tiny
                    show completion,tools,embedding,insert 4096
                    embed 8,8
                    version 0.1.0
                    error 404 there is no model 'other' here: GET /v1/models lists the available ones
                    """);
        }
    }
}
