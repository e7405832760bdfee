package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The {@code @anthropic-ai/sdk} package of npm. */
class AnthropicsClientWorksUnchangedTest {
    private static final String SCRIPT = """
            import Anthropic from '@anthropic-ai/sdk';
            const client = new Anthropic({baseURL: process.argv[2], apiKey: 'none', maxRetries: 0});
            const ask = (content, more = {}) => ({model: 'tiny', temperature: 0, max_tokens: 100, messages: [{role: 'user', content}], ...more});
            const whole = await client.messages.create(ask('hi', {system: 'Be brief.'}));
            console.log('whole', whole.role, whole.content[0].text, whole.stop_reason, whole.usage.output_tokens);
            let text = '';
            const stream = client.messages.stream(ask([{type: 'text', text: 'hi'}]));
            stream.on('text', piece => { text += piece; });
            const last = await stream.finalMessage();
            console.log('stream', text, last.content[0].text === text, last.stop_reason, last.usage.output_tokens);
            const cut = await client.messages.create(ask('hi', {stop_sequences: ['xyz', ' you']}));
            console.log('stop', cut.content[0].text, cut.stop_reason, cut.stop_sequence);
            console.log('length', (await client.messages.create(ask('hi', {max_tokens: 2}))).stop_reason);
            const tools = [{name: 'weather', description: 'of a city', input_schema: {type: 'object', properties: {city: {type: 'string'}}, required: ['city']}}];
            const called = await client.messages.stream(ask('weather', {tools})).finalMessage();
            const use = called.content.find(block => block.type === 'tool_use');
            console.log('tool', called.content.map(block => block.type).join(), use.name, use.input.city, called.stop_reason);
            const told = await client.messages.create({model: 'tiny', temperature: 0, max_tokens: 100, tools, messages: [{role: 'user', content: 'weather'},
              {role: 'assistant', content: called.content}, {role: 'user', content: [{type: 'tool_result', tool_use_id: use.id, content: [{type: 'text', text: 'sunny'}]}]}]});
            console.log('result', told.content[0].text);
            console.log('count', (await client.messages.countTokens({model: 'tiny', messages: [{role: 'user', content: 'hi'}]})).input_tokens);
            for await (const model of client.models.list()) console.log('model', model.id);
            try {
              await client.messages.create(ask('hi', {model: 'other'}));
            } catch (e) {
              console.log('error', e instanceof Anthropic.NotFoundError, e.error.error.type);
            }
            """;

    @Test
    void itAsksStreamsCallsToolsCountsAndHearsOfErrors() throws Exception {
        try (TestServer server = TestServer.of(prompt -> prompt.endsWith("sunny") ? "It is sunny." : prompt.endsWith("weather")
                ? "I look.<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Ulm\"}}</tool_call>" : "Hello to you.")) {
            assertThat(NodeScript.told("@anthropic-ai/sdk", SCRIPT, server)).isEqualTo("""
                    whole assistant Hello to you. end_turn 13
                    stream Hello to you. true end_turn 13
                    stop Hello to stop_sequence  you
                    length max_tokens
                    tool text,tool_use weather Ulm tool_use
                    result It is sunny.
                    count 11
                    model tiny
                    error true not_found_error
                    """);
        }
    }
}
