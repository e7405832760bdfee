package dev.zhulong.recipe.quickstart;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What a quickstart found out: {@code report.json}, and the same as {@code report.html}.
 *
 * @param corpus      what was learnt from, in words
 * @param machine     where
 * @param plan        what was decided at the first start
 * @param starts      how often the run was started until it was finished
 * @param stages      finished stages with the seconds of the start that finished them
 * @param audit       the cleaning's {@code audit.json}
 * @param data        counts
 * @param heldOut     scores of documents that neither tokenizer nor model saw
 * @param samples     what the model wrote along the way
 * @param completions what it makes of snippets in the end
 * @param finetuning  what an adapter learnt on top; null where there was nothing to learn it from
 */
record Report(String corpus, Machine machine, Plan plan, int starts, List<StageLog.Stage> stages, JsonNode audit, Data data,
        HeldOut heldOut, List<Sample> samples, List<Completion> completions, Finetuning finetuning) {
    static final String FILE = "report.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Where the run was made. */
    record Machine(String processor, int cores, long memoryBytes, double gflops, int threads, String system, String java, String zhulong,
            String libtorch, String blas) {}

    /**
     * Counts.
     *
     * @param vocabulary          tokens
     * @param trainTokens         in the shards
     * @param trainDocuments      in the shards
     * @param readTokens          the training reads, with repetition
     * @param bytesPerToken       of held-out text
     * @param parameters          weights
     * @param validationDocuments scored
     */
    record Data(int vocabulary, long trainDocuments, long trainTokens, long readTokens, double bytesPerToken, long parameters,
            long validationDocuments) {}

    /** Scores of the same tokens under three models, and the protocol. */
    record HeldOut(String protocol, long documents, long tokens, long bytes, Score model, Score unigram, Score untrained,
            double ratioToUnigram) {}

    /** A loss: nats a token, its exponential, bits a byte. */
    record Score(double nats, double perplexity, double bitsPerByte) {}

    /** What was written after {@code prompt} when {@code step} steps were done. */
    record Sample(long step, String prompt, String text) {}

    /** A snippet and what the model put in; {@code after} is empty where it only continued. */
    record Completion(String before, String middle, String after) {
        boolean fillsGap() {
            return !after.isEmpty();
        }
    }

    String json() {
        return JsonFile.text(this);
    }

    void write(Path directory) {
        AtomicFile.writeString(directory.resolve(FILE), json());
    }

    static Report read(Path directory) {
        Path file = directory.resolve(FILE);
        try {
            return JSON.readerFor(Report.class).without(com.fasterxml.jackson.databind.DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                    .readValue(Files.readAllBytes(file));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(file + " is not a report of quickstart: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }

    /** The JSON tree of a file. */
    static JsonNode tree(Path file) {
        try {
            return JSON.readTree(file.toFile());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }
}
