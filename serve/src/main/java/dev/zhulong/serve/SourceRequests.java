package dev.zhulong.serve;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Job;
import dev.zhulong.infer.search.Rules;
import dev.zhulong.infer.search.SearchOptions;
import dev.zhulong.infer.search.SearchOptions.Early;
import dev.zhulong.serve.ServedModel.Lane;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** Requests to an encoder–decoder, read and checked: what comes in is what it writes of. */
final class SourceRequests {
    private static final int MOST_BEAMS = 32;

    private final ServedModel model;
    private final Sources sources;
    private final Requests requests;

    SourceRequests(ServedModel model, Requests requests) {
        this.model = model;
        this.sources = model.sources();
        this.requests = requests;
    }

    /** {@code POST /v1/completions}: each prompt is a source, and its completion what is written of it. */
    Request text(Fields request, UnaryOperator<String> review, Caller caller) {
        NamedAdapter named = requests.model(request);
        if (request.flag("echo", false)) {
            throw request.wrong("echo", "is for models that continue their prompt; an encoder–decoder writes another text");
        }
        if (request.has("suffix")) {
            throw request.wrong("suffix", "is for models that fill gaps; an encoder–decoder writes another text");
        }
        if (request.integer("num_beams", 1, MOST_BEAMS, 1L) > 1) {
            throw request.wrong("num_beams", "above 1 is for POST /v1/translate, which searches by beams; completions are written token by token");
        }
        Long logProbs = request.integer("logprobs", 0, Requests.MOST_LOG_PROBS, null);
        int n = Requests.n(request);
        if (request.integer("best_of", 1, Requests.MOST_CHOICES, (long) n) > n) {
            throw request.wrong("best_of", "above n is not supported: ask for n answers and choose among them");
        }
        List<int[]> texts = texts(request, "prompt", review, caller);
        if (texts.size() * n > Requests.MOST_CHOICES) {
            throw request.wrong("prompt", "times n are " + texts.size() * n + " answers, more than the " + Requests.MOST_CHOICES + " of a request");
        }
        int longest = texts.stream().mapToInt(ids -> ids.length).max().orElseThrow();
        ResponseFormat format = ResponseFormat.of(request);
        Lane lane = model.lane(Precision.asked(request), true, longest);
        int rest = rest(lane, longest);
        SearchOptions into = sources.into(request);
        int most = (int) Math.min(rest, request.integer("max_tokens", 0, Integer.MAX_VALUE, (long) into.maxLength() - 1));
        // where transformers forces a text's end as the last token, there is room for one fewer of the others
        boolean forced = !into.forcedEos().isEmpty() && !request.flag("ignore_eos", false);
        GenerateOptions options = requests.options(request, forced ? Math.max(0, most - 1) : most, named.eosIds(), logProbs == null ? GenerateOptions.NO_LOG_PROBS : logProbs.intValue());
        boolean stream = request.flag("stream", false);
        var rules = new Rules(into.forSequence(Math.max(1, forced ? most : most + 1)));
        List<int[]> starts = texts.stream().map(any -> new int[] {into.start()}).toList();
        return requests.held(new Request(named, lane, model.tokenizer(), starts, n, options, null, false, format != null, stream, Requests.includeUsage(request, stream), List.of(),
                Sampling.isRepeatable(request, options.sampler()), null, texts.stream().map(ids -> new Job.Source(ids, rules)).toList()), format, caller);
    }

    /** Tokens that can be written of a source: the decoder's context is its own, and the memory is for both. */
    private int rest(Lane lane, int source) {
        long room = lane.scheduler().stats().tokensMost() - sources.model().sourceTokens(source);
        if (room < 2) {
            throw ApiException.invalid("prompt", "context_length_exceeded", "the prompt has " + source + " tokens, and there is memory for keys and values of "
                    + lane.scheduler().stats().tokensMost() + ": shorten it");
        }
        return (int) Math.min(room, sources.model().spec().contextLength()) - 1;
    }

    /** Texts or ids, at least one. */
    private List<int[]> texts(Fields request, String field, UnaryOperator<String> review, Caller caller) {
        OptionalInt language = sources.language(request, "source_lang");
        Optional<String> tag = sources.tag(request);
        List<int[]> texts = new ArrayList<>();
        for (JsonNode node : Requests.several(request, field, Requests.MOST_CHOICES)) {
            caller.check();
            texts.add(node.isTextual() ? sources.ids(field, tag.map(name -> name + " ").orElse("") + review.apply(node.textValue()), language)
                    : ids(request, field, node, review, language, tag));
        }
        return texts;
    }

    /** Ids are taken as they are, the model's own among them; rules look at the text they stand for. */
    private int[] ids(Fields request, String field, JsonNode node, UnaryOperator<String> review, OptionalInt language, Optional<String> tag) {
        int[] ids = Requests.ids(request, field, node, model.tokenizer());
        String text = model.tokenizer().decode(ids);
        String told = review.apply(text);
        if (!told.equals(text)) {
            return sources.ids(field, tag.map(name -> name + " ").orElse("") + told, language);
        }
        int[] first = tag.stream().mapToInt(name -> model.tokenizer().id(name).getAsInt()).toArray();
        return sources.checked(field, IntStream.concat(Arrays.stream(first), Arrays.stream(ids)).toArray());
    }

    /**
     * {@code POST /v1/translate}.
     *
     * @param sources ids of each text
     * @param options of all of them
     */
    record Translation(List<int[]> sources, SearchOptions options) {}

    Translation translation(Fields request, UnaryOperator<String> review, Caller caller) {
        requests.model(request);
        if (Precision.asked(request) == Precision.LOW) {
            throw ApiException.invalid("precision", "precision \"low\" is not loaded here; there is: " + Precision.HIGH.label());
        }
        List<int[]> texts = texts(request, "input", review, caller);
        SearchOptions options = sources.into(request);
        options = options.withBeams(request.integer("num_beams", 1, MOST_BEAMS, (long) options.beams()).intValue());
        options = options.with(request.number("length_penalty", -100, 100, options.lengthPenalty()), early(request, options.early()),
                request.integer("no_repeat_ngram_size", 0, Integer.MAX_VALUE, (long) options.noRepeat()).intValue());
        int longest = Math.min(sources.model().network().longest() - 1, options.maxLength() - 1);
        Long most = request.integer("max_tokens", 1, Integer.MAX_VALUE, null);
        int room = Math.min(sources.model().network().longest() - 1, most == null ? longest : most.intValue());
        return new Translation(texts, options.withNewTokens(room));
    }

    private static Early early(Fields request, Early otherwise) {
        JsonNode node = request.get("early_stopping");
        if (node == null) {
            return otherwise;
        }
        if (node.isTextual() && node.textValue().equals("never")) {
            return Early.NEVER;
        }
        if (!node.isBoolean()) {
            throw request.wrong("early_stopping", "must be true, false or \"never\"");
        }
        return node.booleanValue() ? Early.AT_ONCE : Early.HEURISTIC;
    }
}
