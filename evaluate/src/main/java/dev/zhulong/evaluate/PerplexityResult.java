package dev.zhulong.evaluate;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.evaluate.text.Estimate;
import java.util.Arrays;

/**
 * A loss and the protocol it was measured by.
 *
 * @param loss    of all scored tokens
 * @param windows the parts it is the sum of
 * @param options as used
 */
public record PerplexityResult(TokenLoss loss, Windows windows, PerplexityOptions options) {
    /**
     * What each window adds.
     *
     * @param nll    nats
     * @param tokens scored
     */
    public record Windows(double[] nll, double[] tokens) {
        /** Nats a token; the error takes the windows for independent, and is unknown where there is only one. */
        public Estimate meanNll() {
            return Estimate.ratio(nll, tokens);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Windows that && Arrays.equals(nll, that.nll) && Arrays.equals(tokens, that.tokens);
        }

        @Override
        public int hashCode() {
            return 31 * Arrays.hashCode(nll) + Arrays.hashCode(tokens);
        }
    }

    /** Mean loss in nats a token, and its error. */
    public Estimate meanNll() {
        return windows.meanNll();
    }

    /** A token; the interval is that of the mean loss, exponentiated. */
    public Estimate perplexity() {
        return meanNll().exp();
    }

    /** Its relative error is the mean loss's. */
    public Estimate bitsPerByte() {
        return meanNll().times(loss.tokens() / Math.log(2) / loss.bytes());
    }

    /**
     * One line of JSON: {@code mean_nll} (nats a token), {@code tokens} (scored), {@code perplexity}, {@code bits_per_byte},
     * {@code standard_errors} (of these, where known), {@code window}, {@code stride}, {@code bos}, {@code bytes} (UTF-8, scored), {@code
     * model}, {@code engine}, {@code text}, {@code protocol} (in words).
     *
     * @param model  what the user called the model
     * @param engine what ran it and the type of its weights, such as {@code torch f32}
     * @param text   what the user called the text
     */
    public String json(String model, String engine, String text) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("mean_nll", loss.meanNll());
        json.put("tokens", loss.tokens());
        json.put("perplexity", loss.perplexity());
        json.put("bits_per_byte", loss.bitsPerByte());
        if (!Double.isNaN(meanNll().standardError())) {
            json.putObject("standard_errors").put("mean_nll", meanNll().standardError()).put("perplexity", perplexity().standardError())
                    .put("bits_per_byte", bitsPerByte().standardError());
        }
        json.put("window", options.window());
        json.put("stride", options.stride());
        json.put("bos", options.bos());
        json.put("bytes", loss.bytes());
        json.put("model", model);
        json.put("engine", engine);
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
