package dev.zhulong.recipe.quickstart;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.data.Corpus;
import dev.zhulong.data.DocumentStore;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.tune.DataSource;
import dev.zhulong.data.tune.Layout;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.JsonFile;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.recipe.TextHash;
import dev.zhulong.recipe.javadoc.DocumentedMethod;
import dev.zhulong.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Methods of a corpus beside the first sentences of their Javadoc, as rows to fine-tune on: {@code pairs/TASK.jsonl} from the documents that
 * are learnt from, {@code pairs/TASK.held-out.jsonl} from those held out, and {@code pairs/pairs.json}, written last.
 *
 * <p>No held-out pair has a method or a sentence that also occurs in a document that is learnt from, white space aside. Which pairs are taken
 * depends on their text and the seed alone. All are short enough that prompt and completion fit a row whole.
 */
final class MethodPairs {
    static final String DIRECTORY = "pairs";
    private static final String FILE = "pairs.json";
    private static final ObjectMapper ROW = new ObjectMapper();
    /** A token of code has three to four characters; what is longer than this does not fit. */
    private static final int CHARACTERS_PER_TOKEN = 6;
    /** Each pair is a sequence of every task, seldom shorter than this: more pairs than it takes would not be read. */
    private static final int SHORT_SEQUENCE = 40;

    private final Tokenizer tokenizer;
    private final int seq;
    private final long seed;
    private final Progress progress;
    private final Set<Long> learnt = new HashSet<>();
    private long tokens;

    /**
     * What was found.
     *
     * @param javaDocuments to learn from
     * @param train         pairs to learn from
     * @param trainTokens   of their sequences of all tasks
     * @param heldOut       pairs to compare with, the same for every task
     */
    record Found(long javaDocuments, int train, long trainTokens, List<DocumentedMethod> heldOut) {
        /** Why nothing can be learnt or compared; empty where it can. */
        String lacking() {
            return javaDocuments == 0 ? "the corpus has no Java sources, so there are no methods to learn from"
                    : train == 0 ? "no method with a Javadoc sentence in the training documents fits the model's context"
                    : heldOut.isEmpty() ? "no method with a Javadoc sentence fits the model's context of the documents that are held out" : "";
        }
    }

    private MethodPairs(Tokenizer tokenizer, int seq, long seed, Progress progress) {
        this.tokenizer = tokenizer;
        this.seq = seq;
        this.seed = seed;
        this.progress = progress;
    }

    /**
     * Finds them and writes the files into {@code run}.
     *
     * @param plan one with a fine-tuning
     */
    static Found write(Corpus corpus, Tokenizer tokenizer, Plan plan, Path run, Progress progress) {
        Path directory = run.resolve(DIRECTORY);
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        AtomicFile.removeLeftovers(directory);
        var pairs = new MethodPairs(tokenizer, plan.shape().seq(), plan.seed(), progress);
        long wanted = Math.max(1, plan.tuning().steps() * plan.shape().tokensPerStep() / (SHORT_SEQUENCE * Task.values().length));
        var train = new TreeMap<Long, DocumentedMethod>();
        long documents = pairs.read(corpus.train(), method -> {
            pairs.learnt.add(key(method.method()));
            pairs.learnt.add(key(method.sentence()));
            pairs.offer(train, wanted, method);
        });
        var heldOut = new TreeMap<Long, DocumentedMethod>();
        pairs.read(corpus.validation(), method -> {
            if (!pairs.learnt.contains(key(method.method())) && !pairs.learnt.contains(key(method.sentence()))) {
                pairs.offer(heldOut, plan.tuning().heldOut(), method);
            }
        });
        train.values().forEach(method -> pairs.tokens += pairs.length(method));
        var found = new Found(documents, train.size(), pairs.tokens, List.copyOf(heldOut.values()));
        if (found.lacking().isEmpty()) {
            for (Task task : Task.values()) {
                rows(directory.resolve(task.id() + ".jsonl"), task, train.values());
                rows(directory.resolve(task.id() + ".held-out.jsonl"), task, heldOut.values());
            }
        }
        JsonFile.write(directory.resolve(FILE), found);
        return found;
    }

    static Found read(Path run) {
        return JsonFile.read(run.resolve(DIRECTORY).resolve(FILE), Found.class);
    }

    /** The files as sources of a fine-tuning. */
    static List<DataSource> sources(Path run) {
        Path directory = run.resolve(DIRECTORY);
        return Stream.of(Task.values()).map(task -> DataSource.of(directory.resolve(task.id() + ".jsonl")).withLayout(Layout.COMPLETION)
                .withHeldOut(directory.resolve(task.id() + ".held-out.jsonl"))).toList();
    }

    /** Java documents read. */
    private long read(DocumentStore store, Consumer<DocumentedMethod> found) {
        long[] count = {0, 0};
        try (Stream<Document> documents = store.documents()) {
            documents.forEach(document -> {
                progress.at(DIRECTORY, ++count[0], store.count(), "documents");
                if (document.id().endsWith(".java")) {
                    count[1]++;
                    DocumentedMethod.all(document.text(), CHARACTERS_PER_TOKEN * seq).forEach(found);
                }
            });
        }
        return count[1];
    }

    /** Keeps those that come first by their hashes, and each once. */
    private void offer(TreeMap<Long, DocumentedMethod> kept, long most, DocumentedMethod method) {
        long place = TextHash.of(method.sentence() + '\n' + method.method(), seed);
        if (kept.size() >= most && place > kept.lastKey() || !fits(method)) {
            return;
        }
        kept.put(place, method);
        if (kept.size() > most) {
            kept.pollLastEntry();
        }
    }

    /** Whether every task's prompt, completion and end mark fit a row; a sentence that fills more than a quarter is none to learn. */
    private boolean fits(DocumentedMethod method) {
        // of a comment within a comment only the first end counts
        return !method.sentence().contains("*/") && tokenizer.encode(method.sentence()).length <= sentenceTokens(seq)
                && Stream.of(Task.values()).allMatch(task -> length(task, method) <= seq + 1);
    }

    /** Tokens of a sentence at most. */
    static int sentenceTokens(int seq) {
        return seq / 4;
    }

    private int length(Task task, DocumentedMethod method) {
        return tokenizer.encode(task.prompt(method) + task.completion(method)).length + (tokenizer.addsBos() ? 1 : 0) + 1;
    }

    private long length(DocumentedMethod method) {
        return Stream.of(Task.values()).mapToLong(task -> length(task, method)).sum();
    }

    private static long key(String text) {
        return TextHash.of(text.replaceAll("\\s+", ""), 0);
    }

    private static void rows(Path file, Task task, Collection<DocumentedMethod> methods) {
        var lines = new StringBuilder();
        try {
            for (DocumentedMethod method : methods) {
                Map<String, String> row = new LinkedHashMap<>();
                row.put("prompt", task.prompt(method));
                row.put("completion", task.completion(method));
                lines.append(ROW.writeValueAsString(row)).append('\n');
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        AtomicFile.writeString(file, lines.toString());
    }
}
