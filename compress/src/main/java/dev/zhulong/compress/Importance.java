package dev.zhulong.compress;

import dev.zhulong.formats.FormatException;
import dev.zhulong.formats.gguf.ImatrixFile;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Part;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.TensorScope;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * How much each column of a model's matrices matters: the mean square of what it is multiplied with. An error in a column that is given large numbers
 * costs more than one in a column that is given small ones, so rounding that knows it loses less (llama.cpp #4861).
 *
 * <pre>{@code
 * Importance importance = Importance.collect(Path.of("my-model"), tokens, Progress.SILENT);
 * importance.write(Path.of("my-model.imatrix.gguf"));
 * }</pre>
 */
public final class Importance {
    static final String HEAD = "output.weight";

    private final String name;
    private final ImatrixFile file;

    private Importance(String name, ImatrixFile file) {
        this.name = name;
        this.file = file;
    }

    /**
     * Reads a file that this class, llama-imatrix or an older llama.cpp wrote.
     *
     * @throws FormatException when it is none
     */
    public static Importance read(Path file) {
        return new Importance(file.getFileName().toString(), ImatrixFile.read(file));
    }

    /**
     * Runs a decoder over text, with the weights of one layer in memory at a time, and keeps what its projections and its head are given.
     *
     * @param model a directory in Hugging Face's layout, or a GGUF file
     * @throws FormatException          when it is no decoder
     * @throws IllegalArgumentException when a token is not of the model's vocabulary
     */
    public static Importance collect(Path model, CalibrationTokens tokens, Progress progress) {
        try (StoredDecoder stored = StoredDecoder.open(model); var walk = new PartWalk(stored, tokens.chunks())) {
            requireVocabulary(tokens, stored.spec().vocabSize());
            var squares = new SquaredInputs(stored);
            List<Part> parts = walk.parts();
            for (int i = 0; i < parts.size(); i++) {
                progress.at("reading " + tokens.count() + " tokens", i, parts.size(), "parts");
                Part part = parts.get(i);
                walk.enter(part);
                walk.advance(part, squares::given);
                walk.leave(part);
            }
            for (int chunk = 0; chunk < walk.chunkCount(); chunk++) {
                try (var off = NoGrad.open(); var scope = TensorScope.open()) {
                    squares.head(walk.stream(chunk));
                }
            }
            if (squares.skipped() > 0) {
                progress.message(squares.skipped() + " rows of inputs held numbers that are not finite, and were left out");
            }
            return of(tokens, squares.entries());
        }
    }

    /** Of inputs that were gathered elsewhere. */
    static Importance of(CalibrationTokens tokens, Map<String, ImatrixFile.Entry> entries) {
        return new Importance(String.join(" ", tokens.names()), new ImatrixFile(tokens.names(), tokens.chunks().size(), tokens.chunks().getFirst().length, entries));
    }

    static void requireVocabulary(CalibrationTokens tokens, int vocabulary) {
        for (int[] chunk : tokens.chunks()) {
            for (int id : chunk) {
                if (id < 0 || id >= vocabulary) {
                    throw new IllegalArgumentException("token " + id + " of the text is none of the model's " + vocabulary);
                }
            }
        }
    }

    /** Writes a GGUF file that llama-quantize reads as well. */
    public void write(Path to) {
        file.write(to);
    }

    /** Of the file it was read from, or of the texts it was made of. */
    public String name() {
        return name;
    }

    /** As it is stored. */
    public ImatrixFile file() {
        return file;
    }

    /** The tensors that the text gave nothing to, or gave it to some of their experts alone. */
    public List<String> partial() {
        Map<String, ImatrixFile.Entry> sorted = new TreeMap<>(file.entries());
        return sorted.entrySet().stream().filter(entry -> entry.getValue().isPartial()).map(Map.Entry::getKey).toList();
    }

    /**
     * Mean squares of a matrix' inputs by column; empty where nothing is known of it.
     *
     * @param tensor  its name in GGUF
     * @param matrix  its number in a tensor that stacks several, as it does with experts; else 0
     * @param of      how many the tensor stacks
     * @param columns that it has
     * @throws IllegalArgumentException when there is an entry of another width: it is of another model
     */
    Optional<float[]> columns(String tensor, int matrix, int of, int columns) {
        ImatrixFile.Entry entry = file.entries().get(tensor);
        if (entry == null) {
            return Optional.empty();
        }
        int stacked = entry.counts().length;
        // older files have one count for all matrices of a tensor
        boolean oneCount = stacked == 1 && entry.sums().length == (long) of * columns;
        boolean fits = oneCount || stacked == of && entry.columns() == columns;
        if (!fits) {
            throw new IllegalArgumentException("the importance of " + name + " is of another model: " + tensor + " has " + of + " x " + columns + " columns here and "
                    + stacked + " x " + entry.columns() + " there");
        }
        float count = entry.counts()[oneCount ? 0 : matrix];
        if (count == 0) {
            return Optional.empty();
        }
        float[] means = new float[columns];
        boolean any = false;
        for (int i = 0; i < columns; i++) {
            means[i] = entry.sums()[matrix * columns + i] / count;
            any |= means[i] > 0;
        }
        return any ? Optional.of(means) : Optional.empty();
    }
}
