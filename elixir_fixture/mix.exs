defmodule Fixture.MixProject do
  use Mix.Project

  def project do
    [app: :fixture, version: "0.1.0", elixir: ">= 1.14.0", deps: deps(), elixirc_paths: sources()]
  end

  # The suite looks at what is logged.
  def application, do: [extra_applications: if(Mix.env() == :test, do: [:crypto, :logger], else: [:crypto])]

  # Nothing by default, so that it compiles without a network.
  defp deps, do: if(System.get_env("FIXTURE_HEX") == "1", do: [{:libcluster, "~> 3.5"}], else: [])

  # The real libcluster as sources, not as a dependency: its own mix.exs wants Hex. That jason is missing, which only
  # its Kubernetes strategies call, is a warning.
  defp sources do
    case System.get_env("LIBCLUSTER_PATH") do
      nil -> ["lib"]
      path -> ["lib", "telemetry", Path.expand("lib", path)]
    end
  end
end
