package dev.zhulong.recipe.quickstart;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.infer.TorchEngine;
import dev.zhulong.model.Decoder;
import dev.zhulong.model.Network;
import dev.zhulong.recipe.TrainingConsole;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.train.TrainListener;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;

/** Shows training on the console and keeps what the model wrote along the way in {@code samples.json}, by step. */
final class RunNotes implements TrainListener {
    private static final String FILE = "samples.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final TrainingConsole console;
    private final Tokenizer tokenizer;
    private final Path file;
    private final TreeMap<Long, Report.Sample> samples = new TreeMap<>();

    RunNotes(TrainingConsole console, Tokenizer tokenizer, Path run) {
        this.console = console;
        this.tokenizer = tokenizer;
        this.file = run.resolve(FILE);
        if (Files.exists(file)) {
            try {
                JSON.readValue(Files.readAllBytes(file), new TypeReference<List<Report.Sample>>() {}).forEach(s -> samples.put(s.step(), s));
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read " + file, e);
            }
        }
    }

    /** First to last. */
    List<Report.Sample> samples() {
        return List.copyOf(samples.values());
    }

    @Override
    public void step(Step step) {
        console.step(step);
    }

    @Override
    public void evaluated(Evaluation evaluation) {
        console.evaluated(evaluation);
    }

    @Override
    @SuppressWarnings("resource") // closing the engine would close the model that is trained
    public void sample(long step, Network model) {
        Report.Sample sample = new Writer(new TorchEngine((Decoder) model), tokenizer).sample(step);
        samples.put(step, sample);
        try {
            AtomicFile.writeBytes(file, JSON.writeValueAsBytes(samples.values()));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
        console.message("after " + step + " steps the model writes:\n" + indented(sample.prompt() + sample.text()));
    }

    @Override
    public void message(String text) {
        console.message(text);
    }

    static String indented(String text) {
        return "  | " + text.stripTrailing().replace("\n", "\n  | ");
    }
}
