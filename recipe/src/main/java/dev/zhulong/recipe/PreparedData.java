package dev.zhulong.recipe;

import dev.zhulong.data.CleanConfig;
import dev.zhulong.data.Cleaner;
import dev.zhulong.data.Corpus;
import dev.zhulong.data.clean.AddedStep;
import dev.zhulong.data.clean.Steps;
import dev.zhulong.data.dedup.Clusters;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import dev.zhulong.data.read.ReadOptions;
import dev.zhulong.data.shard.ShardConfig;
import dev.zhulong.data.shard.ShardWriter;
import dev.zhulong.data.shard.TokenShards;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.Provenance;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.text.BpeTrainer;
import dev.zhulong.text.CharacterVocabulary;
import dev.zhulong.text.HuggingFaceTokenizer;
import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.TokenizerConfig;
import dev.zhulong.text.TokenizerJson;
import dev.zhulong.text.TrainedVocabulary;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A recipe's text as tokens: cleaned, tokenizer trained on the training side, token shards written, each stage whole in the run's
 * {@code data} directory or not there.
 *
 * @param tokenizerDirectory holds {@code tokenizer.json}
 * @param validation         held out, if anything is
 * @param replay             general text, if the recipe asks for it
 * @param inputs             names and content hashes of everything it was made from
 */
record PreparedData(Path tokenizerDirectory, HuggingFaceTokenizer tokenizer, TokenShards train, Optional<TokenShards> validation,
        Optional<TokenShards> replay, Map<String, String> inputs) implements AutoCloseable {
    /** Changes whenever the same recipe and inputs would give other data. */
    private static final String CODE = "data-1";

    /** Makes what is not there yet, under {@code directory}. */
    static PreparedData of(PretrainRecipe recipe, Path directory, Progress progress) {
        return new Preparation(recipe, directory, progress).run();
    }

    /** The hash that shards are bound to. */
    static String hash(Path tokenizerDirectory) {
        return ContentHash.ofFile(tokenizerDirectory.resolve("tokenizer.json")).sha256();
    }

    @Override
    public void close() {
        train.close();
        validation.ifPresent(TokenShards::close);
        replay.ifPresent(TokenShards::close);
        tokenizer.close();
    }

    private record Preparation(PretrainRecipe recipe, Path directory, Progress progress) {
        PreparedData run() {
            PretrainRecipe.Data data = recipe.data();
            Map<String, String> inputs = new LinkedHashMap<>();
            if (data.shards().isPresent()) {
                if (data.fim().rate() > 0) {
                    throw new IllegalArgumentException("data.fim needs texts, and data.shards are tokens already: give data.inputs or data.corpus");
                }
                Path tokenizer = tokenizer(null, "", inputs);
                var loaded = HuggingFaceTokenizer.load(tokenizer);
                TokenShards train = shards(data.shards().get().resolve("train"), tokenizer, inputs);
                Path held = data.shards().get().resolve("validation");
                return new PreparedData(tokenizer, loaded, train, Files.isDirectory(held) ? Optional.of(shards(held, tokenizer, inputs))
                        : Optional.empty(), replay(tokenizer, loaded, inputs), inputs);
            }
            Corpus corpus = corpus(inputs);
            boolean byPosition = data.split() == PretrainRecipe.Split.POSITION;
            Side[] sides = byPosition ? Side.byPosition(corpus, data.validationFraction())
                    : new Side[] {Side.of(corpus.train()), Side.of(corpus.validation())};
            Path tokenizer = tokenizer(sides, sides[0].contentHash() + " " + sides[1].contentHash(), inputs);
            var loaded = HuggingFaceTokenizer.load(tokenizer);
            TokenShards train = data.fim().rate() > 0 ? gaps(sides[0], tokenizer, loaded) : shards(sides[0], tokenizer, loaded, "train");
            TokenShards validation = shards(sides[1], tokenizer, loaded, "validation");
            boolean held = validation.tokens() > 1;
            if (!held) {
                validation.close();
            }
            return new PreparedData(tokenizer, loaded, train, held ? Optional.of(validation) : Optional.empty(),
                    replay(tokenizer, loaded, inputs), inputs);
        }

        private Corpus corpus(Map<String, String> inputs) {
            if (recipe.data().corpus().isPresent()) {
                Corpus corpus = Corpus.open(recipe.data().corpus().get());
                inputs.put(corpus.directory() + "/train", corpus.train().contentHash());
                inputs.put(corpus.directory() + "/validation", corpus.validation().contentHash());
                return corpus;
            }
            double fraction = recipe.data().split() == PretrainRecipe.Split.POSITION ? 0 : recipe.data().validationFraction();
            return clean("corpus", recipe.data().inputs(), fraction, inputs);
        }

        private Corpus clean(String name, List<Path> from, double fraction, Map<String, String> inputs) {
            PretrainRecipe.Data data = recipe.data();
            Map<String, Object> settings = settings("clean");
            settings.put("paths", from.stream().map(Path::toString).toList());
            settings.put("extensions", data.extensions());
            settings.put("field", data.field());
            settings.put("clean", data.clean());
            settings.put("steps", data.steps());
            settings.put("validation_fraction", fraction);
            settings.put("seed", recipe.seed());
            List<CleaningStep> steps = !data.clean() ? List.of()
                    : data.steps().isEmpty() ? Steps.standard() : data.steps().stream().map(Steps::byName).toList();
            List<Path> madeFrom = new ArrayList<>(from);
            steps.forEach(step -> {
                if (step instanceof AddedStep added) {
                    madeFrom.add(added.from().place());
                }
            });
            Stage stage = Stage.in(directory.resolve(name), settings, () -> hashes(madeFrom), half -> {
                progress.message("cleaning " + paths(from));
                ReadOptions read = ReadOptions.DEFAULT.withExtensions(data.extensions().toArray(String[]::new)).withField(data.field());
                try {
                    Cleaner.run(CleanConfig.of(from, steps).withRead(read)
                            .withDuplicates(data.clean() ? Clusters.Kind.NEAR : Clusters.Kind.NONE)
                            .withValidation(fraction, recipe.seed()), half, progress);
                } catch (IllegalArgumentException e) {
                    throw data.clean() ? new IllegalArgumentException(e.getMessage() + "; data.clean=false uses the texts unchanged", e) : e;
                }
            });
            inputs.putAll(stage.inputs());
            Corpus corpus = Corpus.open(stage.directory());
            progress.message("%s: %,d documents to train on, %,d held out, %.1f MB; key %s".formatted(name, corpus.train().count(),
                    corpus.validation().count(), (corpus.train().bytes() + corpus.validation().bytes()) / 1e6, stage.key()));
            return corpus;
        }

        private Path tokenizer(Side[] sides, String content, Map<String, String> inputs) {
            PretrainRecipe.Tokens tokens = recipe.data().tokenizer();
            Optional<Path> given = recipe.model().from().or(tokens::path);
            Map<String, Object> settings = settings("tokenizer");
            if (given.isPresent()) {
                Path file = Files.isDirectory(given.get()) ? given.get().resolve("tokenizer.json") : given.get();
                if (!Files.isRegularFile(file) && !Files.isDirectory(directory.resolve("tokenizer"))) {
                    throw new IllegalArgumentException(file + ": no such file; a model to continue from needs its tokenizer.json");
                }
                settings.put("path", file.toString());
                Stage stage = Stage.in(directory.resolve("tokenizer"), settings, () -> hashes(List.of(file)), half -> {
                    copy(file, half.resolve("tokenizer.json"));
                    for (String name : TokenizerConfig.FILES) {
                        Path beside = file.resolveSibling(name);
                        if (Files.isRegularFile(beside) && !name.equals("tokenizer.json")) {
                            copy(beside, half.resolve(name));
                        }
                    }
                });
                inputs.putAll(stage.inputs());
                return stage.directory();
            }
            if (sides == null) {
                throw new IllegalArgumentException("data.shards needs data.tokenizer.path: the tokenizer they were made with");
            }
            settings.put("type", tokens.type().name());
            settings.put("vocab_size", tokens.vocabSize());
            settings.put("specials", tokens.specials());
            settings.put("context_length", recipe.model().contextLength());
            Stage stage = Stage.in(directory.resolve("tokenizer"), settings, () -> Map.of("text", content), half -> {
                progress.message("training the tokenizer");
                String bos = tokens.specials().isEmpty() ? null : tokens.specials().getFirst();
                String eos = tokens.specials().isEmpty() ? null : tokens.specials().getLast();
                TokenizerJson.write(half, vocabulary(sides),
                        new TokenizerJson.Settings(bos, eos, null, bos != null, recipe.model().contextLength()));
            });
            progress.message("tokenizer: key " + stage.key());
            return stage.directory();
        }

        private TrainedVocabulary vocabulary(Side[] sides) {
            PretrainRecipe.Tokens tokens = recipe.data().tokenizer();
            return switch (tokens.type()) {
                case BPE -> {
                    var trainer = new BpeTrainer(tokens.vocabSize(), tokens.specials());
                    try (Stream<Document> documents = sides[0].documents().get()) {
                        trainer.addAll(documents.map(Document::text));
                    }
                    yield trainer.train();
                }
                case CHAR -> {
                    // the alphabet is no statistic: a closed one that lacked a held-out character could not score it
                    var characters = new LinkedHashSet<Integer>();
                    for (Side side : sides) {
                        try (Stream<Document> documents = side.documents().get()) {
                            documents.forEach(document ->
                                    characters.addAll(CharacterVocabulary.of(List.of(document.text()), List.of()).codePoints()));
                        }
                    }
                    yield new CharacterVocabulary(List.copyOf(characters), tokens.specials());
                }
            };
        }

        private Optional<TokenShards> replay(Path tokenizer, HuggingFaceTokenizer loaded, Map<String, String> inputs) {
            if (recipe.replay().isEmpty()) {
                return Optional.empty();
            }
            PretrainRecipe.Replay replay = recipe.replay().get();
            if (replay.shards().isPresent()) {
                return Optional.of(shards(replay.shards().get(), tokenizer, inputs));
            }
            Side side = replay.corpus().isPresent() ? general(replay.corpus().get(), inputs)
                    : Side.of(clean("replay-corpus", replay.inputs(), 0, inputs).train());
            return Optional.of(shards(side, tokenizer, loaded, "replay"));
        }

        private static Side general(Path directory, Map<String, String> inputs) {
            Corpus corpus = Corpus.open(directory);
            inputs.put(directory + "/train", corpus.train().contentHash());
            return Side.of(corpus.train());
        }

        /** The training side with gaps in it; what is held out stays as it is, so that its loss can be compared. */
        private TokenShards gaps(Side side, Path tokenizerDirectory, HuggingFaceTokenizer tokenizer) {
            var documents = new GapDocuments(tokenizer, recipe.data().fim(), recipe.seed());
            String content = side.contentHash() + " fim " + recipe.data().fim().rate() + " spm " + recipe.data().fim().spm() + " seed " + recipe.seed();
            var arranged = new Side(side.documents(), side.bytes(), ContentHash.ofBytes(content.getBytes(StandardCharsets.UTF_8)).sha256());
            return shards(arranged, tokenizerDirectory, new EncodingTokenizer(tokenizer, documents::ids, tokenizer.addsBos()), "train");
        }

        private TokenShards shards(Side side, Path tokenizerDirectory, Tokenizer tokenizer, String name) {
            ShardConfig config = ShardConfig.of(hash(tokenizerDirectory), side.contentHash());
            if (tokenizer.eos().isEmpty()) {
                config = config.withoutEndOfSequence();
            }
            try (Stream<Document> documents = side.documents().get()) {
                TokenShards shards = ShardWriter.write(documents, side.bytes(), tokenizer, config, directory.resolve("shards").resolve(name),
                        progress);
                progress.message("%s: %,d tokens; key %s".formatted(name, shards.tokens(), shards.key()));
                return shards;
            }
        }

        /** Shards from outside, which must be of this tokenizer. */
        private static TokenShards shards(Path from, Path tokenizerDirectory, Map<String, String> inputs) {
            TokenShards shards = TokenShards.open(from);
            String expected = hash(tokenizerDirectory);
            if (!shards.tokenizerHash().equals(expected)) {
                shards.close();
                throw new IllegalArgumentException(from + ": made with another tokenizer (tokenizer.json's hash expected " + expected
                        + ", found " + shards.tokenizerHash() + "); give the text instead");
            }
            inputs.put(from.resolve("shards.json").toString(), ContentHash.ofFile(from.resolve("shards.json")).sha256());
            return shards;
        }

        private static Map<String, Object> settings(String stage) {
            Map<String, Object> settings = new LinkedHashMap<>();
            settings.put("stage", stage);
            settings.put("code", CODE + " " + Provenance.zhulongVersion());
            return settings;
        }

        private static Map<String, String> hashes(List<Path> paths) {
            Map<String, String> hashes = new LinkedHashMap<>();
            for (Path path : paths) {
                if (!Files.exists(path)) {
                    throw new IllegalArgumentException("input " + path + " does not exist");
                }
                hashes.put(path.toString(), ContentHash.of(path).sha256());
            }
            return hashes;
        }

        private static String paths(List<Path> paths) {
            var names = new ArrayList<String>();
            paths.forEach(path -> names.add(path.toString()));
            return String.join(", ", names);
        }

        private static void copy(Path from, Path to) {
            try {
                Files.copy(from, to);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
