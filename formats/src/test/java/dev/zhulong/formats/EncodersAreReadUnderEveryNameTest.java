package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.DecoderSpec.Activation;
import dev.zhulong.formats.DecoderSpec.Norm;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.formats.Stack.Attention;
import dev.zhulong.formats.Stack.Layer;
import dev.zhulong.formats.Stack.Mlp;
import dev.zhulong.formats.Stack.NormPlace;
import dev.zhulong.formats.Stack.Positions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Files of different ages and with other heads give the weights of the wanted architecture. */
class EncodersAreReadUnderEveryNameTest {
    private static final String SHAPE = "'vocab_size':5,'hidden_size':4,'num_hidden_layers':1,'num_attention_heads':2,'intermediate_size':6,"
            + "'max_position_embeddings':8,";

    @TempDir
    Path directory;

    private Path config(String fields) throws IOException {
        return Files.writeString(directory.resolve(ModelDirectory.CONFIG), "{" + fields.replace('\'', '"') + "}");
    }

    private EncoderSpec read(String fields) throws IOException {
        return (EncoderSpec) HfConfig.network(config(SHAPE + fields));
    }

    private EncoderSpec read(String family, String architecture) throws IOException {
        String shape = family.equals("distilbert") ? "'hidden_dim':6," : "";
        return read(shape + "'model_type':'" + family + "','architectures':['" + architecture + "']");
    }

    /** Opens zeros under these names. */
    private ModelDirectory open(List<String> names) {
        var entries = names.stream().map(name -> SafetensorsWriter.Entry.of(name, new long[] {1}, new float[] {name.hashCode()})).toList();
        SafetensorsWriter.write(directory.resolve(ModelDirectory.WEIGHTS), Map.of(), entries);
        return ModelDirectory.open(directory);
    }

    private static List<String> names(NetworkSpec spec) {
        return Parameters.of(spec).all().stream().map(Parameter::name).toList();
    }

    @Test
    void gammaAndBetaBuffersAndWhatHasNoPlace() throws IOException {
        EncoderSpec spec = read("bert", "BertForPreTraining");
        List<String> old = new ArrayList<>(names(spec).stream().map(name -> name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"))
                .toList());
        old.addAll(List.of("bert.embeddings.position_ids", "bert.pooler.dense.weight", "bert.pooler.dense.bias", "cls.predictions.decoder.bias",
                "cls.seq_relationship.weight", "cls.seq_relationship.bias"));
        try (var model = open(old)) {
            assertThat(model.weights()).containsOnlyKeys(names(spec));
            assertThat(model.weights().get("cls.predictions.bias").name()).isEqualTo("cls.predictions.bias");
        }
    }

    @Test
    void theBiasOfAHeadMayLieBesideItsMatrix() throws IOException {
        for (String family : List.of("bert", "roberta")) {
            String head = family.equals("bert") ? "cls.predictions" : "lm_head";
            String stem = family.equals("bert") ? "Bert" : "Roberta";
            EncoderSpec spec = read(family, stem + "ForMaskedLM");
            try (var model = open(names(spec).stream().map(name -> name.equals(head + ".bias") ? head + ".decoder.bias" : name).toList())) {
                assertThat(model.weights()).containsOnlyKeys(names(spec));
            }
            EncoderSpec own = read("'tie_word_embeddings':false,'model_type':'" + family + "','architectures':['" + stem + "ForMaskedLM']");
            var both = new ArrayList<>(names(own));
            both.add(head + ".decoder.bias");
            try (var model = open(both)) {
                assertThat(model.weights()).containsOnlyKeys(names(own));
                assertThat(model.weights().get(head + ".bias").name()).isEqualTo(head + ".decoder.bias");
                assertThat(names(own)).contains(head + ".decoder.weight");
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"bert,Bert", "roberta,Roberta", "xlm-roberta,XLMRoberta", "distilbert,DistilBert"})
    void thePrefixComesAndGoes(String family, String stem) throws IOException {
        EncoderSpec tags = read(family, stem + "ForTokenClassification");
        EncoderSpec bare = read(family, stem + "Model");
        assertThat(names(bare)).first().isEqualTo("embeddings.word_embeddings.weight");
        try (var model = open(names(tags))) {
            assertThat(model.weights()).containsOnlyKeys(names(bare));
            assertThat(model.weightsAs(((EncoderSpec) model.network()).withSpans())).containsOnlyKeys(
                    names(tags).stream().filter(name -> !name.startsWith("classifier.")).toList());
        }
        read(family, stem + "ForTokenClassification");
        try (var model = open(names(bare))) {
            assertThat(model.weights()).containsOnlyKeys(names(tags).stream().filter(name -> !name.startsWith("classifier.")).toList());
        }
    }

    @Test
    void aFreshHeadKeepsThePoolerAndNoHeadOfOthers() throws IOException {
        EncoderSpec old = read("bert", "BertForSequenceClassification");
        try (var model = open(names(old))) {
            EncoderSpec other = old.withClasses(List.of("a", "b", "c"), Problem.MULTI_LABEL);
            assertThat(model.weightsAs(other)).containsKey("bert.pooler.dense.weight").doesNotContainKeys("classifier.weight", "classifier.bias");
            assertThat(model.weightsAs(old.withTags(old.head().labels()))).doesNotContainKeys("bert.pooler.dense.weight", "classifier.weight");
            assertThat(model.weightsAs(old)).containsOnlyKeys(names(old));
        }
    }

    /** All heads of all families. */
    static List<EncoderSpec> specs() {
        var specs = new ArrayList<EncoderSpec>();
        for (String type : List.of("bert", "roberta", "xlm-roberta", "distilbert")) {
            var family = (EncoderFamily) Family.of(type);
            int first = type.endsWith("roberta") ? 4 : 0;
            var layer = new Layer(new Attention(3, 3, 4, true, true, false, 0), new Mlp.Dense(20, Activation.GELU_TANH, false, true));
            var stack = new Stack(12, List.of(layer, layer), Norm.LAYER, 1e-12, NormPlace.AFTER, new Positions.Learned(first), 77);
            var bare = new EncoderSpec(family, stack, 101, type.equals("distilbert") ? 0 : 2, 3, new Head.None());
            specs.addAll(List.of(bare, bare.withMaskedTokens(), bare.withMaskedTokens().withOwnHead(), bare.withSpans(), bare.withTags(List.of("O", "B-PER")),
                    bare.withClasses(List.of("x"), Problem.REGRESSION), bare.withClasses(List.of("x"), Problem.MULTI_LABEL),
                    bare.withClasses(List.of("no", "yes", "ten"), Problem.SINGLE_LABEL)));
        }
        return specs;
    }

    @ParameterizedTest
    @MethodSource("specs")
    void everyHeadSurvivesItsFile(EncoderSpec spec) throws IOException {
        Path path = Files.writeString(directory.resolve(ModelDirectory.CONFIG), HfConfig.write(spec, StorageType.F16));
        assertThat(HfConfig.network(path)).isEqualTo(spec);
        assertThat(names(spec)).doesNotHaveDuplicates();
    }

    @Test
    void anMlpWithoutAGateMayHaveReluAndExactGeluHasTwoNames() throws IOException {
        for (String family : List.of("bert", "roberta", "xlm-roberta")) {
            assertThat(read("'model_type':'" + family + "','hidden_act':'relu'").activation()).isEqualTo(Activation.RELU);
            assertThat(read("'model_type':'" + family + "','hidden_act':'gelu_python'").activation()).isEqualTo(Activation.GELU);
        }
        EncoderSpec relu = read("'model_type':'distilbert','hidden_dim':6,'activation':'relu'");
        assertThat(HfConfig.network(Files.writeString(directory.resolve(ModelDirectory.CONFIG), HfConfig.write(relu, StorageType.F32)))).isEqualTo(relu);
        Path mish = config(SHAPE + "'model_type':'bert','hidden_act':'mish'");
        assertThatThrownBy(() -> HfConfig.network(mish)).isInstanceOf(FormatException.class)
                .hasMessageEndingWith("hidden_act: expected gelu, gelu_new, gelu_pytorch_tanh, relu or silu, found \"mish\"");
    }

    @Test
    void theAuthorsHeadOfDebertaIsTiedWhateverTheFileSays() throws IOException {
        String deberta = "'model_type':'deberta-v2','relative_attention':true,'tie_word_embeddings':false,'architectures':['DebertaV2ForMaskedLM'],";
        assertThat(read(deberta + "'legacy':false").tiedEmbeddings()).isTrue();
        assertThat(read(deberta + "'legacy':true").tiedEmbeddings()).isFalse();
    }

    /** As {@code named_parameters()} of transformers 5.18 has them. */
    @Test
    void gradientsHaveTheNamesOfTransformers() throws IOException {
        String own = "'tie_word_embeddings':false,";
        assertThat(together(read(own + "'model_type':'bert','architectures':['BertForMaskedLM']"))).contains("cls.predictions.decoder.bias")
                .doesNotContain("cls.predictions.bias");
        assertThat(together(read(own + "'model_type':'xlm-roberta','architectures':['XLMRobertaForMaskedLM']"))).contains("lm_head.decoder.bias",
                "lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight").doesNotContain("lm_head.bias");
        assertThat(together(read("roberta", "RobertaForMaskedLM"))).contains("lm_head.bias", "roberta.embeddings.word_embeddings.weight")
                .doesNotContain("lm_head.decoder.bias");
        assertThat(together(read("xlm-roberta", "XLMRobertaForMaskedLM"))).contains("lm_head.bias", "lm_head.decoder.weight")
                .doesNotContain("roberta.embeddings.word_embeddings.weight");
    }

    private static List<String> together(EncoderSpec spec) {
        return List.copyOf(spec.family().together(spec).keySet());
    }

    @Test
    void labelsAreSortedByIdAndDefaultAsTransformersHasThem() throws IOException {
        String classes = "'model_type':'bert','architectures':['BertForSequenceClassification'],";
        assertThat(read(classes + "'id2label':{'1':'b','0':'a'}").head().labels()).containsExactly("a", "b");
        assertThat(read(classes + "'num_labels':3").head().labels()).containsExactly("LABEL_0", "LABEL_1", "LABEL_2");
        assertThat(read(classes + "'pad_token_id':0").head().labels()).hasSize(2);
        assertThat(((Head.Classes) read(classes + "'num_labels':1").head()).problem()).isEqualTo(Problem.REGRESSION);
        assertThat(((Head.Classes) read(classes + "'num_labels':1,'problem_type':'single_label_classification'").head()).problem())
                .isEqualTo(Problem.SINGLE_LABEL);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "'position_embedding_type':'relative_key'|position_embedding_type: expected absolute (another one is not implemented), found \"relative_key\"",
        "'is_decoder':true|is_decoder: expected false (the other way is not implemented), found true",
        "'add_cross_attention':true|add_cross_attention: expected false (the other way is not implemented), found true",
        "'architectures':['BertForMultipleChoice']|architectures: expected one of BertModel, BertForMaskedLM, BertForSequenceClassification, "
            + "BertForTokenClassification, BertForQuestionAnswering, BertForPreTraining, found \"BertForMultipleChoice\"",
        "'architectures':[7]|architectures: expected one of BertModel, BertForMaskedLM, BertForSequenceClassification, "
            + "BertForTokenClassification, BertForQuestionAnswering, BertForPreTraining, found \"7\"",
        "'pad_token_id':5|pad_token_id: expected a whole number from 0 to 4, found 5",
        "'type_vocab_size':0|type_vocab_size: expected a whole number from 1 to 2147483647, found 0",
        "'id2label':{'0':'a','2':'b'}|id2label.1: expected the label of this id: ids count from 0 to 1, found none",
        "'id2label':{'0':'a','1':'a'}|id2label.1: expected a label of its own, found \"a\"",
        "'id2label':{'0':7}|id2label.0: expected a string, found 7",
        "'id2label':{}|id2label: expected one label or more, found 0 of them",
        "'id2label':{'0':'a'},'num_labels':4|id2label: expected 4 labels, as num_labels says, found 1 of them",
        "'problem_type':'ranking'|problem_type: expected single_label_classification, multi_label_classification or regression, found \"ranking\"",
        "'num_labels':2000000000|num_labels: expected a whole number from 1 to 1000000, found 2000000000",
    })
    void wrongFieldsAreNamed(String field, String message) throws IOException {
        String architecture = field.contains("architectures") ? "" : "'architectures':['BertForSequenceClassification'],";
        Path path = config(SHAPE + "'model_type':'bert'," + architecture + field);
        assertThatThrownBy(() -> HfConfig.network(path)).isInstanceOf(FormatException.class).hasMessage(path + ": " + message);
    }

    @Test
    void aTableWithoutRoomForPositionsIsRefused() throws IOException {
        Path path = config(SHAPE.replace("'max_position_embeddings':8", "'max_position_embeddings':2") + "'model_type':'roberta'");
        assertThatThrownBy(() -> HfConfig.network(path)).hasMessageContaining("max_position_embeddings: expected more than 2, which is where positions begin");
    }

    @Test
    void aDecoderIsAskedForByName() throws IOException {
        Path path = config(SHAPE + "'model_type':'bert','architectures':['BertForMaskedLM']");
        assertThatThrownBy(() -> HfConfig.read(path)).isInstanceOf(FormatException.class).hasMessageContaining("BertForMaskedLM is an encoder");
        assertThatThrownBy(() -> ModelDirectory.readSpec(directory)).isInstanceOf(FormatException.class).hasMessageContaining("BertForMaskedLM is an encoder");
    }
}
