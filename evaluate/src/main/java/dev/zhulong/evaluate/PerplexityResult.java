package dev.zhulong.evaluate;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A loss and the protocol it was measured by.
 *
 * @param loss    of all scored tokens
 * @param options as used
 */
public record PerplexityResult(TokenLoss loss, PerplexityOptions options) {
    /**
     * One line of JSON: {@code mean_nll} (nats a token), {@code tokens} (scored), {@code perplexity}, {@code bits_per_byte},
     * {@code window}, {@code stride}, {@code bos}, {@code bytes} (UTF-8, scored), {@code model}, {@code text}, {@code protocol} (in words).
     *
     * @param model what the user called the model
     * @param text  what the user called the text
     */
    public String json(String model, String text) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("mean_nll", loss.meanNll());
        json.put("tokens", loss.tokens());
        json.put("perplexity", loss.perplexity());
        json.put("bits_per_byte", loss.bitsPerByte());
        json.put("window", options.window());
        json.put("stride", options.stride());
        json.put("bos", options.bos());
        json.put("bytes", loss.bytes());
        json.put("model", model);
        json.put("text", text);
        json.put("protocol", protocol());
        return json.toString();
    }

    /** The protocol in words, with its numbers. */
    public String protocol() {
        return "text tokenised once as it is; a window of " + options.window() + " input positions starts every " + options.stride()
                + " tokens and predicts the token after each; every token is scored once, in the first window that predicts it; "
                + (options.bos()
                        ? "the first input of every window is BOS, which takes one position and is not scored"
                        : "no BOS: the first token of the text is not scored and its bytes are not counted");
    }
}
