package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.SamplerOptions;
import dev.zhulong.serve.ServedModel.Lane;
import dev.zhulong.text.EncodingException;
import dev.zhulong.text.GapTokens;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;

/** Requests for text, read and checked: everything that can be wrong with one is found before anything is computed. */
final class Requests {
    static final int MOST_CHOICES = 64;
    private static final int MOST_STOPS = 16;
    static final int MOST_LOG_PROBS = 20;
    private static final int TEXT_TOKENS = 16;

    /** Spellings of the three marks of a gap: Qwen's, StarCoder's, CodeLlama's. */

    private final ServedModel model;

    Requests(ServedModel model) {
        this.model = model;
    }

    /** {@code POST /v1/chat/completions}. */
    Request chat(Fields request, UnaryOperator<String> review, Caller caller) {
        NamedAdapter named = model(request);
        ToolChoice tools = ToolChoice.read(request);
        boolean forced = !tools.forced().isEmpty();
        int top = request.integer("top_logprobs", 0, MOST_LOG_PROBS, 0L).intValue();
        boolean logProbs = request.flag("logprobs", false);
        if (top > 0 && !logProbs) {
            throw request.wrong("top_logprobs", "needs \"logprobs\": true");
        }
        int n = n(request);
        ResponseFormat asked = ResponseFormat.of(request);
        ResponseFormat format = forced ? ResponseFormat.ofCalls(tools) : asked;
        int[] prompt = prompt(request, named, tools, review);
        boolean exact = format != null || logProbs || "high".equals(request.text("reasoning_effort", ""));
        Lane lane = model.lane(Precision.asked(request), exact, prompt.length);
        int rest = rest(lane, prompt.length, "messages");
        String limit = request.either("max_completion_tokens", "max_tokens");
        int most = (int) Math.min(rest, request.integer(limit, 1, Integer.MAX_VALUE, (long) model.advice().maxNewTokens().orElse(Integer.MAX_VALUE)));
        GenerateOptions options = options(request, most, named.turnEnds(), logProbs ? top : GenerateOptions.NO_LOG_PROBS);
        boolean stream = request.flag("stream", false);
        // what was asked to be JSON of a form is the answer, and no call even where it looks like one
        Set<String> callable = tools.tools().isEmpty() || format != null && !forced ? null : tools.tools().keySet();
        return held(new Request(named, lane, model.tokenizer(), List.of(prompt), n, options, callable, forced, format != null, stream, includeUsage(request, stream), List.of(),
                Sampling.isRepeatable(request, options.sampler()), null, List.of()), format, caller);
    }

    /** Ids of a chat's prompt, however many they are. */
    int[] prompt(Fields request, UnaryOperator<String> review) {
        return prompt(request, model(request), ToolChoice.read(request), review);
    }

    private static int[] prompt(Fields request, NamedAdapter named, ToolChoice tools, UnaryOperator<String> review) {
        List<Message> messages = ChatMessages.reviewed(ChatMessages.read(request), review);
        try {
            return named.encoder().prompt(ChatMessages.conversation(messages, tools.reviewed(review), named.encoder().template().source()));
        } catch (EncodingException e) {
            throw request.wrong("messages", "cannot be encoded: " + Json.shortened(e.reason(), 300));
        } catch (IllegalArgumentException e) {
            throw request.wrong("messages", "cannot be put into the model's chat template: " + Json.shortened(e.getMessage(), 300));
        }
    }

    /** What is asked with its answers held to a format, which may be null; the last step, as what it takes is to be given back. */
    Request held(Request asked, ResponseFormat format, Caller caller) {
        return format == null ? asked : asked.heldTo(format.lease(model.constraints(), caller));
    }

    /** {@code POST /v1/completions}. */
    Request text(Fields request, UnaryOperator<String> review, Caller caller) {
        NamedAdapter named = model(request);
        boolean echo = request.flag("echo", false);
        Long logProbs = request.integer("logprobs", 0, MOST_LOG_PROBS, null);
        if (echo && logProbs != null) {
            throw request.wrong("echo", "cannot be combined with logprobs: log-probabilities of the prompt are not computed");
        }
        int n = n(request);
        if (request.integer("best_of", 1, MOST_CHOICES, (long) n) > n) {
            throw request.wrong("best_of", "above n is not supported: ask for n answers and choose among them");
        }
        String after = request.text("suffix", null);
        String suffix = after == null ? null : review.apply(after);
        List<String> texts = new ArrayList<>();
        List<int[]> prompts = new ArrayList<>();
        for (JsonNode prompt : several(request, "prompt", MOST_CHOICES)) {
            caller.check();
            String text = prompt.isTextual() ? review.apply(prompt.textValue()) : null;
            int[] ids = text == null ? reviewed(ids(request, "prompt", prompt, model.tokenizer()), review) : null;
            prompts.add(suffix != null ? gap(request, text == null ? ids : model.encode(text), suffix)
                    : text == null ? model.sequence(ids) : model.sequence(text));
            if (echo) {
                texts.add(text == null ? model.tokenizer().decode(ids) : text);
            }
        }
        if (prompts.size() * n > MOST_CHOICES) {
            throw request.wrong("prompt", "times n are " + prompts.size() * n + " answers, more than the " + MOST_CHOICES + " of a request");
        }
        int longest = prompts.stream().mapToInt(ids -> ids.length).max().orElseThrow();
        ResponseFormat format = ResponseFormat.of(request);
        Lane lane = model.lane(Precision.asked(request), format != null || logProbs != null, longest);
        int most = (int) Math.min(rest(lane, longest, "prompt"), request.integer("max_tokens", 0, Integer.MAX_VALUE, (long) TEXT_TOKENS));
        GenerateOptions options = options(request, most, named.eosIds(), logProbs == null ? GenerateOptions.NO_LOG_PROBS : logProbs.intValue());
        boolean stream = request.flag("stream", false);
        return held(new Request(named, lane, model.tokenizer(), prompts, n, options, null, false, format != null, stream, includeUsage(request, stream), texts,
                Sampling.isRepeatable(request, options.sampler()), null, List.of()), format, caller);
    }

    /** The model asked for, or the adapter of it. */
    NamedAdapter model(Fields request) {
        return model.named(request.text("model", model.name()));
    }

    static int n(Fields request) {
        return request.integer("n", 1, MOST_CHOICES, 1L).intValue();
    }

    static boolean includeUsage(Fields request, boolean stream) {
        Fields options = request.object("stream_options");
        if (options != null && !stream) {
            throw request.wrong("stream_options", "needs \"stream\": true");
        }
        return options != null && options.flag("include_usage", false);
    }

    /** Tokens that can be written after a prompt, which came in {@code field}. */
    private static int rest(Lane lane, int prompt, String field) {
        int rest = lane.mostTokens() - prompt;
        if (rest < 1) {
            throw ApiException.invalid(field, "context_length_exceeded", "the prompt has " + prompt + " tokens, and a sequence may have at most " + lane.mostTokens()
                    + " with at least one of them generated: shorten it");
        }
        return rest;
    }

    GenerateOptions options(Fields request, int most, List<Integer> ends, int logProbs) {
        SamplerOptions sampler = Sampling.of(request, model.advice(), model.tokenizer().vocabSize());
        List<String> stop = request.texts("stop", MOST_STOPS);
        if (stop.stream().anyMatch(String::isEmpty)) {
            throw request.wrong("stop", "must not hold an empty string");
        }
        boolean ignoreEos = request.flag("ignore_eos", false);
        return new GenerateOptions(most, sampler, stop, ignoreEos ? List.of() : ends, ignoreEos, logProbs, null);
    }

    /** Texts or ids to start from, at least one. */
    List<int[]> inputs(Fields request, String field, int most, UnaryOperator<String> review, Caller caller) {
        List<int[]> inputs = new ArrayList<>();
        for (JsonNode input : several(request, field, most)) {
            caller.check();
            inputs.add(input.isTextual() ? model.sequence(review.apply(input.textValue()))
                    : model.sequence(reviewed(ids(request, field, input, model.tokenizer()), review)));
        }
        return inputs;
    }

    /** Ids are looked at as the text they stand for. */
    private int[] reviewed(int[] ids, UnaryOperator<String> review) {
        String text = model.tokenizer().decode(ids);
        String told = review.apply(text);
        return told.equals(text) ? ids : model.encode(told);
    }

    /** A text, or ids, or several of either. */
    static List<JsonNode> several(Fields request, String field, int most) {
        JsonNode node = request.get(field);
        if (node == null) {
            throw request.wrong(field, "is missing");
        }
        if (!node.isArray() || !node.isEmpty() && node.get(0).isIntegralNumber()) {
            return List.of(node);
        }
        List<JsonNode> several = request.list(field, most);
        if (several.isEmpty()) {
            throw request.wrong(field, "must not be empty");
        }
        return several;
    }

    /** An array of ids. */
    static int[] ids(Fields request, String field, JsonNode node, Tokenizer tokenizer) {
        if (!node.isArray() || node.isEmpty()) {
            throw request.wrong(field, "must be a string, an array of strings, an array of token ids or an array of such arrays");
        }
        int[] ids = new int[node.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode id = node.get(i);
            if (!id.isIntegralNumber() || !id.canConvertToInt() || !tokenizer.has(id.intValue())) {
                throw request.wrong(field, "must hold ids of the model's tokens, found " + Json.shortened(id.toString()));
            }
            ids[i] = id.intValue();
        }
        return ids;
    }

    private int[] gap(Fields request, int[] before, String after) {
        return GapTokens.of(model.tokenizer()).map(tokens -> tokens.prefixFirst(before, GapTokens.inside(model.tokenizer(), after), new int[0])).orElseThrow(() ->
                request.wrong("suffix", "needs a model that was trained to fill gaps; this one's tokenizer has no tokens for it"));
    }
}
