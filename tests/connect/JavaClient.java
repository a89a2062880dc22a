import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;

import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigValidationResults;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorStatus;
import org.sourcelab.kafka.connect.apiclient.request.dto.NewConnectorDefinition;
import org.sourcelab.kafka.connect.apiclient.request.post.PostConnectorRestart;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.InvalidRequestException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ResourceNotFoundException;

/**
 * A connector's life, told by the client that AKHQ has for Kafka Connect. It runs from its source:
 * {@code java -cp 'libs/*' JavaClient.java URL PASSWORD TOPIC FILE}. What it prints is what the test compares.
 */
final class JavaClient {
    private static final String NAME = "java";

    private final KafkaConnectClient client;

    private JavaClient(KafkaConnectClient client) {
        this.client = client;
    }

    public static void main(String[] arguments) throws Exception {
        Configuration configuration = new Configuration(arguments[0]).useRequestTimeoutInSeconds(60);
        if (!arguments[1].isEmpty()) {
            configuration.useBasicAuth("admin", arguments[1]);
        }
        Map<String, String> config = new HashMap<>();
        config.put("connector.class", "FileSinkConnector");
        config.put("topics", arguments[2]);
        config.put("path", arguments[3]);
        config.put("tasks.max", "2");
        new JavaClient(new KafkaConnectClient(configuration)).live(config);
    }

    private void live(Map<String, String> config) throws Exception {
        say("server", client.getConnectServerVersion().getVersion());
        say("plugin", client.getConnectorPlugins().stream().anyMatch(plugin -> plugin.getClassName().equals("FileSinkConnector")));
        say("valid", validate(config).getErrorCount());
        Map<String, String> wrong = new HashMap<>(config);
        wrong.put("tasks.max", "many");
        say("invalid", validate(wrong).getErrorCount());

        say("made", client.addConnector(new NewConnectorDefinition(NAME, config)).getType());
        untilState("RUNNING");
        say("listed", client.getConnectors());
        say("expanded", client.getConnectorsWithAllExpandedMetadata().getMappedStatuses().keySet());
        say("shown", client.getConnector(NAME).getTasks().size());
        say("config", client.getConnectorConfig(NAME).equals(named(config)));
        say("topics", client.getConnectorTopics(NAME).getTopics());
        say("tasks", client.getConnectorTasks(NAME).size());
        say("task", client.getConnectorTaskStatus(NAME, 1).getState());

        say("paused", client.pauseConnector(NAME));
        untilState("PAUSED");
        say("resumed", client.resumeConnector(NAME));
        untilState("RUNNING");
        say("restarted", client.restartConnector(NAME));
        say("restarted with tasks", client.restartConnector(new PostConnectorRestart(NAME).withIncludeTasks(true)));
        say("task restarted", client.restartConnectorTask(NAME, 0));
        untilState("RUNNING");
        say("topics reset", client.resetConnectorTopics(NAME));

        config.put("tasks.max", "1");
        say("changed", client.updateConnectorConfig(NAME, named(config)).getConfig().get("tasks.max"));
        untilState("RUNNING");
        refusals(config);
        say("deleted", client.deleteConnector(NAME));
        say("left", client.getConnectors());
    }

    private void refusals(Map<String, String> config) {
        try {
            client.addConnector(new NewConnectorDefinition("wrong", Map.of("connector.class", "FileSinkConnector")));
        } catch (InvalidRequestException refused) {
            say("refused", refused.getErrorCode());
        }
        try {
            client.getConnector("nobody");
        } catch (ResourceNotFoundException missing) {
            say("missing", missing.getMessage());
        }
    }

    private ConnectorPluginConfigValidationResults validate(Map<String, String> config) {
        return client.validateConnectorPluginConfig(new ConnectorPluginConfigDefinition("FileSinkConnector", named(config)));
    }

    private static Map<String, String> named(Map<String, String> config) {
        Map<String, String> named = new HashMap<>(config);
        named.put("name", NAME);
        return named;
    }

    /** Of the connector and of all its tasks. */
    private void untilState(String state) throws InterruptedException {
        TreeSet<String> states = new TreeSet<>();
        for (int attempt = 0; attempt < 300; attempt++) {
            ConnectorStatus status = client.getConnectorStatus(NAME);
            states.clear();
            states.add(status.getConnector().get("state"));
            status.getTasks().forEach(task -> states.add(task.getState()));
            if (states.size() == 1 && states.contains(state)) {
                break;
            }
            Thread.sleep(100);
        }
        say("state", states);
    }

    private static void say(String what, Object value) {
        System.out.println(what + ": " + value);
    }
}
