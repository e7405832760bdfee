package dev.zhulong.serve;

import dev.zhulong.infer.GenerateOptions;
import dev.zhulong.infer.Job;
import dev.zhulong.serve.ServedModel.Lane;
import dev.zhulong.text.Tokenizer;
import java.util.List;
import java.util.Set;

/**
 * What a request asks to be written, checked.
 *
 * @param model        asked for, or the adapter of it
 * @param lane         that runs it
 * @param prompts      ids of each
 * @param n            answers to each prompt
 * @param options      of all answers
 * @param tools        names of the tools that may be called; null where none are offered
 * @param callsForced  whether the answer can be nothing but calls
 * @param wholeJson    whether the answer is JSON, which is told whole where its strings are to be looked at
 * @param stream       told as it is written
 * @param includeUsage a stream ends in what it took
 * @param echo         texts that come before the answers, one of each prompt; empty where they are not to be told
 * @param repeatable   whether the same request has the same answer each time
 * @param form         what the answer is held to, until this is closed; null for nothing
 * @param sources      what each prompt is written of, where the model is an encoder–decoder; empty elsewhere
 */
record Request(NamedAdapter model, Lane lane, Tokenizer tokenizer, List<int[]> prompts, int n, GenerateOptions options, Set<String> tools, boolean callsForced, boolean wholeJson,
        boolean stream, boolean includeUsage, List<String> echo, boolean repeatable, Constraints.Lease form, List<Job.Source> sources) implements AutoCloseable {
    /** Answers to all prompts. */
    int choices() {
        return prompts.size() * n;
    }

    /** The same held to a form. */
    Request heldTo(Constraints.Lease lease) {
        return new Request(model, lane, tokenizer, prompts, n, options.withConstraint(lease.constraint()), tools, callsForced, wholeJson, stream, includeUsage, echo, repeatable, lease, sources);
    }

    @Override
    public void close() {
        if (form != null) {
            form.close();
        }
    }

    /** What the answers to a prompt are written of; null for nothing. */
    Job.Source source(int prompt) {
        return sources.isEmpty() ? null : sources.get(prompt);
    }

    /** Tokens that are read for all prompts, each once. */
    int promptTokens() {
        return sources.isEmpty() ? prompts.stream().mapToInt(ids -> ids.length).sum() : sources.stream().mapToInt(source -> source.ids().length).sum();
    }

    boolean logProbs() {
        return options.logProbs() != GenerateOptions.NO_LOG_PROBS;
    }
}
