package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The {@code openai} package of npm, over its Responses API. */
class NodesClientGetsResponsesTest {
    private static final String SCRIPT = """
            import OpenAI from 'openai';
            const client = new OpenAI({baseURL: process.argv[2] + '/v1', apiKey: 'none', maxRetries: 0});
            const ask = (input, more = {}) => ({model: 'tiny', temperature: 0, max_output_tokens: 100, input, ...more});
            const first = await client.responses.create(ask('hi', {instructions: 'Be brief.'}));
            console.log('whole', first.output_text, first.status, first.usage.output_tokens);
            const next = await client.responses.create(ask('more', {previous_response_id: first.id}));
            console.log('next', next.output_text, next.previous_response_id === first.id);
            console.log('kept', (await client.responses.retrieve(first.id)).output[0].content[0].text);
            await client.responses.delete(first.id);
            for (const gone of [() => client.responses.retrieve(first.id), () => client.responses.create(ask('x', {previous_response_id: first.id}))]) {
              try { await gone(); } catch (e) { console.log('gone', e.status, e.code); }
            }
            let text = '';
            const stream = client.responses.stream(ask([{role: 'user', content: [{type: 'input_text', text: 'hi'}]}]));
            stream.on('response.output_text.delta', event => { text += event.delta; });
            const last = await stream.finalResponse();
            console.log('stream', text, last.output[0].content[0].text === text, last.status);
            const cut = await client.responses.create(ask('hi', {max_output_tokens: 2, store: false}));
            console.log('cut', cut.output_text, cut.status, cut.incomplete_details.reason);
            const tools = [{type: 'function', name: 'weather', strict: true, parameters: {type: 'object', properties: {city: {type: 'string'}}, required: ['city'], additionalProperties: false}}];
            const called = await client.responses.stream(ask('weather', {tools})).finalResponse();
            const call = called.output.find(item => item.type === 'function_call');
            console.log('tool', called.output.map(item => item.type).join(), call.name, JSON.parse(call.arguments).city);
            const result = {type: 'function_call_output', call_id: call.call_id, output: 'sunny'};
            console.log('result', (await client.responses.create(ask([result], {previous_response_id: called.id, tools}))).output_text);
            console.log('result', (await client.responses.create(ask([{role: 'user', content: 'weather'}, ...called.output, result], {tools}))).output_text);
            const schema = {type: 'object', properties: {city: {enum: ['Ulm']}}, required: ['city'], additionalProperties: false};
            const json = await client.responses.parse(ask('JSON', {text: {format: {type: 'json_schema', name: 'place', strict: true, schema}}}));
            console.log('json', JSON.parse(json.output_text).city);
            """;

    @Test
    void itAsksGoesOnStreamsCallsToolsAndKeepsToSchemas() throws Exception {
        try (TestServer server = TestServer.of(prompt -> prompt.endsWith("sunny") ? "It is sunny." : prompt.endsWith("weather")
                ? "I look.<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}</tool_call>" : prompt.endsWith("JSON") ? "{\"city\":\"Ulm\"}"
                : prompt.equals("<user>hi<assistant>Hello to you.<user>more") ? "More." : "Hello to you.")) {
            assertThat(NodeScript.told("openai", SCRIPT, server)).isEqualTo("""
                    whole Hello to you. completed 13
                    next More. true
                    kept Hello to you.
                    gone 404 response_not_found
                    gone 400 previous_response_not_found
                    stream Hello to you. true completed
                    cut He incomplete max_output_tokens
                    tool message,function_call weather Ulm
                    result It is sunny.
                    result It is sunny.
                    json Ulm
                    """);
        }
    }
}
