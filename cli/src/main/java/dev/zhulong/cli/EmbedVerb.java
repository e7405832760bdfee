package dev.zhulong.cli;

import dev.zhulong.data.media.PictureFolder;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.SafetensorsWriter;
import dev.zhulong.formats.progress.ProgressLine;
import dev.zhulong.infer.SentenceEncoder;
import dev.zhulong.infer.open.EngineChoice.Engine;
import dev.zhulong.infer.picture.PictureModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Vectors of texts and pictures. */
@Command(
        name = "embed",
        description = {
            "Compute embeddings of texts with an encoder, pooled and normalized as its directory says.",
            "Each vector is a JSON array on a line of its own, in the order of the texts. With --out FILE.jsonl the lines go into a file, with --out FILE.safetensors one F32 tensor"
                    + " `embeddings` of shape [texts, numbers].",
            "A network that sees pictures (vit, dinov2, clip, siglip) gives vectors of length one of pictures, before those of texts where there are both; those of a clip or a siglip lie in one"
                    + " space.",
        },
        footer = {
            "",
            "Examples:",
            "  zhulong embed --model all-MiniLM-L6-v2 --text 'Where is my card?'",
            "  zhulong embed --model all-MiniLM-L6-v2 --text-file lines.txt --out vectors.safetensors",
            "  zhulong embed --model clip-vit-base-patch32 --picture photos/ --out vectors.safetensors",
        })
final class EmbedVerb extends Verb {
    /** Texts that are in memory with all their states. */
    private static final int TOGETHER = 64;

    @Option(names = "--model", required = true, paramLabel = "DIR|FILE", description = "Directory of an encoder (BERT and its descendants), in sentence-transformers' layout or a bare one, or of a network that sees pictures;"
            + " or a GGUF file of one.")
    Path model;

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter to put into the model's weights, in PEFT's files.")
    Path adapter;

    @Option(names = "--text", paramLabel = "TEXT", description = "Text to compute the vector of (may be repeated).")
    List<String> texts = List.of();

    @Option(names = "--text-file", paramLabel = "FILE", description = "File with a text on each line.")
    Path file;

    @Option(names = "--picture", arity = "1..*", paramLabel = "PATH", description = "Picture to compute the vector of, or a directory of pictures with all that is below it, in the order of their paths.")
    List<Path> pictures = List.of();

    @Option(names = "--prompt", paramLabel = "NAME", description = "Name of the model's prompt to put before each text, such as query (default: the model's default prompt, where it has one).")
    String prompt;

    @Option(names = "--dimensions", paramLabel = "N", description = "Keep the first N numbers of each vector; little is lost only with a model that was trained for it (default: all).")
    Integer dimensions;

    @Option(names = "--out", paramLabel = "FILE", description = "File to write, .jsonl or .safetensors (default: standard output).")
    Path out;

    @Option(names = "--force", description = "Replace the file if it exists.")
    boolean force;

    @Mixin
    EngineOptions engine;

    @Override
    protected void run() throws IOException {
        engine.check(List.of(model), null);
        if (texts.isEmpty() == (file == null) && (pictures.isEmpty() || file != null)) {
            throw wrongUsage("give either --text or --text-file" + (PictureModel.isOne(model) ? ", or --picture" : ""));
        }
        boolean tensors = out != null && out.toString().endsWith(".safetensors");
        if (out != null && !tensors && !out.toString().endsWith(".jsonl")) {
            throw wrongUsage("--out must end in .jsonl or .safetensors, found " + out);
        }
        if (out != null) {
            Outputs.file(out, force);
        }
        List<String> all = file == null ? texts : TextFile.read(file).lines().toList();
        if (PictureModel.isOne(model)) {
            if (adapter != null || prompt != null || dimensions != null) {
                throw wrongUsage("a network that sees pictures takes no --adapter, --prompt or --dimensions");
            }
            List<float[]> vectors = ofPictures(all);
            emit(vectors, vectors.getFirst().length, "first token or pooled", tensors);
            return;
        }
        if (!pictures.isEmpty()) {
            throw new IllegalArgumentException(model + " reads texts and sees no pictures: name the directory of a vit, a dinov2, a clip or a siglip");
        }
        if (!EncoderModel.is(model)) {
            throw new IllegalArgumentException(model + " is no directory of an encoder, nor a GGUF file of one: name one, or get vectors of a language model from serve (/v1/embeddings)");
        }
        try (EncoderModel opened = EncoderModel.open(model, adapter, engine.choice(Engine.AUTO), notice -> err().println("[" + notice + "]"))) {
            List<float[]> vectors = vectors(opened.encoder(), all);
            emit(vectors, opened.encoder().size(), opened.encoder().config().describe(), tensors);
        }
    }

    private void emit(List<float[]> vectors, int size, String pooling, boolean tensors) {
        if (tensors) {
            write(vectors, size, pooling);
        } else if (out != null) {
            AtomicFile.writeString(out, String.join("", vectors.stream().map(vector -> line(vector) + "\n").toList()));
        } else {
            vectors.forEach(vector -> out().println(line(vector)));
        }
    }

    /** Of pictures, and of texts behind them. */
    private List<float[]> ofPictures(List<String> all) {
        List<PictureFolder.Entry> files = pictures.isEmpty() ? List.of() : PictureFolder.of(pictures);
        List<float[]> vectors = new ArrayList<>();
        try (PictureModel opened = PictureModel.open(model); var status = ProgressLine.on(err())) {
            for (PictureFolder.Entry picture : files) {
                vectors.addAll(opened.vectors(List.of(opened.read(picture.file()))));
                status.at("embed", vectors.size(), files.size(), "pictures");
            }
            all.forEach(text -> vectors.add(opened.vector(text)));
        }
        return vectors;
    }

    private List<float[]> vectors(SentenceEncoder encoder, List<String> all) {
        int numbers = dimensions == null ? encoder.size() : dimensions;
        if (numbers < 1 || numbers > encoder.size()) {
            throw wrongUsage("--dimensions must be from 1 to " + encoder.size() + " with this model, found " + numbers);
        }
        String before = encoder.config().prompt(Optional.ofNullable(prompt));
        List<float[]> vectors = new ArrayList<>(all.size());
        int cut = 0;
        for (int from = 0; from < all.size(); from += TOGETHER) {
            List<String> some = all.subList(from, Math.min(all.size(), from + TOGETHER));
            for (float[] vector : encoder.vectors(some, Optional.ofNullable(prompt))) {
                vectors.add(encoder.shortened(vector, numbers));
            }
            cut += (int) some.stream().filter(text -> encoder.tokenizer().encode(before + text, Integer.MAX_VALUE).length() > encoder.mostTokens()).count();
        }
        if (cut > 0) {
            err().println(String.format(Locale.ROOT, "[%,d of %,d texts are longer than the %,d tokens that the model reads: their ends do not count]", cut, all.size(),
                    encoder.mostTokens()));
            err().flush();
        }
        return vectors;
    }

    private static String line(float[] vector) {
        return JsonFields.MAPPER.valueToTree(vector).toString();
    }

    private void write(List<float[]> vectors, int size, String pooling) {
        int numbers = vectors.isEmpty() ? size : vectors.getFirst().length;
        float[] values = new float[Math.multiplyExact(vectors.size(), numbers)];
        for (int i = 0; i < vectors.size(); i++) {
            System.arraycopy(vectors.get(i), 0, values, i * numbers, numbers);
        }
        SafetensorsWriter.write(out, Map.of("pooling", pooling), List.of(SafetensorsWriter.Entry.of("embeddings", new long[] {vectors.size(), numbers}, values)));
        out().printf("%s: embeddings F32 [%d, %d]%n", out, vectors.size(), numbers);
    }
}
