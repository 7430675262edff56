"""Assets: events of outlets with extra, of aliases, of mapped tasks; none of a task that failed or skipped"""

from airflow.sdk import DAG, Asset, AssetAlias, Metadata, task
from airflow.sdk.exceptions import AirflowSkipException

plain = Asset("feature_plain", uri="s3://features/plain", group="numbers", extra={"of": "the asset"})
other = Asset(name="feature_other")
many = Asset("s3://features/many")

with DAG("feature_assets", schedule=None):

    @task(outlets=[plain, other])
    def two():
        return 1

    @task(outlets=[plain])
    def with_extra(*, outlet_events):
        outlet_events[plain].extra = {"rows": 3, "nested": {"x": [1, None]}}

    @task(outlets=[other])
    def yields_metadata():
        yield Metadata(other, extra={"by": "metadata"})

    @task(outlets=[AssetAlias("feature_alias")])
    def by_alias(*, outlet_events):
        outlet_events[AssetAlias("feature_alias")].add(many, extra={"by": "alias"})

    @task(outlets=[many])
    def mapped(number):
        return number

    two() >> with_extra() >> yields_metadata() >> by_alias() >> mapped.expand(number=[1, 2, 3])

with DAG("feature_assets_not_told", schedule=None):

    @task(outlets=[plain])
    def fails():
        raise ValueError("no")

    @task(outlets=[plain], retries=0)
    def skips():
        raise AirflowSkipException("no")

    fails(), skips()

with DAG("feature_assets_taken", schedule=(plain | many)):

    @task(inlets=[plain])
    def looks(*, inlet_events, triggering_asset_events):
        return len(triggering_asset_events)

    looks()
