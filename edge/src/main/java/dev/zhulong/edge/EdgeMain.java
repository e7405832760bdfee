package dev.zhulong.edge;

import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Continues a prompt from the command line: {@code java -jar zhulong-edge.jar model.gguf --prompt TEXT}. */
public final class EdgeMain {
    private static final String USAGE = "Usage: java -jar zhulong-edge.jar MODEL.gguf [--prompt TEXT] [--max-new-tokens N] [--temperature T] [--top-k K] [--top-p P]\n"
            + "       [--min-p P] [--seed N] [--greedy] [--ids]\n\n"
            + "Continues TEXT with a model (Llama, Qwen2, Qwen3; F32, F16, Q8_0, Q4_0, Q4_K, Q6_K, Q2_0) on one thread. Temperature 0.8 and top-p 0.95 unless said otherwise; --ids prints\n"
            + "tokens' numbers in place of text.";

    private static final List<String> VALUED = Arrays.asList("--prompt", "--max-new-tokens", "--temperature", "--top-k", "--top-p", "--min-p", "--seed");

    private EdgeMain() {}

    /** Exit codes: 0 done, 1 failed, 2 wrong usage. */
    public static void main(String[] args) {
        int code = run(args, System.out, System.err);
        System.out.flush();
        System.exit(code);
    }

    static int run(String[] args, PrintStream out, PrintStream err) {
        String file = null;
        String prompt = "";
        int most = 256;
        double temperature = 0.8;
        int topK = 0;
        double topP = 0.95;
        double minP = 0;
        long seed = 0;
        boolean ids = false;
        try {
            for (int i = 0; i < args.length; i++) {
                String option = args[i];
                if (option.equals("-h") || option.equals("--help")) {
                    out.println(USAGE);
                    return 0;
                }
                if (option.equals("--greedy")) {
                    temperature = 0;
                } else if (option.equals("--ids")) {
                    ids = true;
                } else if (!option.startsWith("--")) {
                    if (file != null) {
                        throw new IllegalArgumentException("two models are named, " + file + " and " + option + ": put a text in quotes behind --prompt");
                    }
                    file = option;
                } else if (!VALUED.contains(option)) {
                    throw new IllegalArgumentException("unknown option " + option + " (--help lists them)");
                } else if (++i == args.length) {
                    throw new IllegalArgumentException(option + " needs a value");
                } else if (option.equals("--prompt")) {
                    prompt = args[i];
                } else if (option.equals("--max-new-tokens")) {
                    most = (int) whole(option, args[i], 1, Integer.MAX_VALUE);
                } else if (option.equals("--temperature")) {
                    temperature = real(option, args[i], Double.MAX_VALUE);
                } else if (option.equals("--top-k")) {
                    topK = (int) whole(option, args[i], 0, Integer.MAX_VALUE);
                } else if (option.equals("--top-p")) {
                    topP = real(option, args[i], 1);
                } else if (option.equals("--min-p")) {
                    minP = real(option, args[i], 1);
                } else {
                    seed = whole(option, args[i], Long.MIN_VALUE, Long.MAX_VALUE);
                }
            }
        } catch (IllegalArgumentException e) {
            err.println("zhulong-edge: " + e.getMessage());
            return 2;
        }
        if (file == null) {
            err.println("zhulong-edge: no model is named\n" + USAGE);
            return 2;
        }
        try {
            EdgeSampler sampler = new EdgeSampler(temperature, topK, topP, minP, seed);
            EdgeModel model = new EdgeModel(mapped(new File(file)));
            String text = model.tokenizer().composes() ? Normalizer.normalize(prompt, Normalizer.Form.NFC) : prompt;
            EdgeWriter writer = new EdgeWriter(model, sampler, model.tokenizer().sequence(text));
            long start = System.nanoTime();
            long first = start;
            int n = 0;
            byte[] piece;
            while (n < most && (piece = writer.next()) != null) {
                first = n++ == 0 ? System.nanoTime() : first;
                if (ids) {
                    out.print(writer.token() + " ");
                } else {
                    out.write(piece, 0, piece.length);
                }
                out.flush();
            }
            out.println();
            double seconds = (System.nanoTime() - first) / 1e9;
            err.println(String.format(Locale.ROOT, "[first token after %.2f s; %d tokens, %.1f tokens/s; one thread]", (first - start) / 1e9, n, n > 1 ? (n - 1) / seconds : 0));
            return 0;
        } catch (IOException e) {
            err.println("zhulong-edge: " + file + " cannot be read: " + e.getMessage());
        } catch (RuntimeException e) {
            err.println("zhulong-edge: " + file + ": " + e.getMessage());
        } catch (OutOfMemoryError e) {
            err.println("zhulong-edge: " + file + " does not fit into Java's heap: give it more, as with java -Xmx4g -jar");
        }
        return 1;
    }

    private static long whole(String option, String text, long least, long most) {
        try {
            long value = Long.parseLong(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException(option + " must be a whole number" + (least == Long.MIN_VALUE ? "" : " of at least " + least) + ", found " + text);
    }

    private static double real(String option, String text, double most) {
        try {
            double value = Double.parseDouble(text);
            if (value >= 0 && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException(option + " must be a number " + (most == 1 ? "from 0 to 1" : "of at least 0") + ", found " + text);
    }

    private static ByteBuffer mapped(File file) throws IOException {
        if (file.length() > Integer.MAX_VALUE) {
            throw new IOException("it has " + file.length() + " bytes, and 2 GB are read at most: quantize it (zhulong quantize --to q4_0)");
        }
        RandomAccessFile open = new RandomAccessFile(file, "r");
        try {
            return open.getChannel().map(FileChannel.MapMode.READ_ONLY, 0, file.length());
        } finally {
            open.close();
        }
    }
}
