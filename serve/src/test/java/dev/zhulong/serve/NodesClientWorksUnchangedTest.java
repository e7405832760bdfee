package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The {@code openai} package of npm, which {@code .ci/run} installs. */
class NodesClientWorksUnchangedTest {
    private static final String SCRIPT = """
            import OpenAI from 'openai';
            const client = new OpenAI({baseURL: process.argv[2] + '/v1', apiKey: 'none', maxRetries: 0});
            const ask = (content, more = {}) => ({model: 'tiny', temperature: 0, max_completion_tokens: 100, messages: [{role: 'user', content}], ...more});
            const whole = await client.chat.completions.create(ask('hi', {n: 2}));
            console.log('whole', whole.choices.length, whole.choices[1].message.content, whole.usage.completion_tokens);
            let text = '';
            for await (const chunk of await client.chat.completions.create(ask('hi', {stream: true, stream_options: {include_usage: true}}))) {
              text += chunk.choices[0]?.delta?.content ?? '';
            }
            console.log('stream', text);
            const tools = [{type: 'function', function: {name: 'weather', parameters: {type: 'object', properties: {city: {type: 'string'}}, required: ['city'], additionalProperties: false}}}];
            const call = (await client.chat.completions.create(ask('weather', {tools}))).choices[0].message.tool_calls[0];
            console.log('tool', call.function.name, JSON.parse(call.function.arguments).city);
            const schema = {type: 'object', properties: {city: {enum: ['Ulm']}}, required: ['city'], additionalProperties: false};
            const json = await client.chat.completions.create(ask('JSON', {response_format: {type: 'json_schema', json_schema: {name: 'place', strict: true, schema}}}));
            console.log('json', JSON.parse(json.choices[0].message.content).city);
            console.log('embedding', (await client.embeddings.create({model: 'tiny', input: 'a'})).data[0].embedding.length);
            for await (const model of client.models.list()) console.log('model', model.id);
            try {
              await client.chat.completions.create(ask('hi', {model: 'other'}));
            } catch (e) {
              console.log('error', e instanceof OpenAI.NotFoundError, e.code);
            }
            """;

    @Test
    void itChatsStreamsCallsToolsKeepsToSchemasEmbedsAndHearsOfErrors() throws Exception {
        try (TestServer server = TestServer.of(prompt -> prompt.contains("weather") ? "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}</tool_call>"
                : prompt.contains("JSON") ? "{\"city\":\"Ulm\"}" : "Hello to you.")) {
            assertThat(NodeScript.told("openai", SCRIPT, server)).isEqualTo("whole 2 Hello to you. 26\nstream Hello to you.\ntool weather Ulm\njson Ulm\nembedding 8\nmodel tiny\nerror true model_not_found\n");
        }
    }
}
